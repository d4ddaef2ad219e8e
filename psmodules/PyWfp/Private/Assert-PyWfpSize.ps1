function Assert-PyWfpSize {
    <#
    .SYNOPSIS
        Stops the call where a file is larger than was agreed.
    .PARAMETER Path
        The file; it need not be there.
    .PARAMETER MaxMegabytes
        The limit.
    #>
    [CmdletBinding()]
    param([string] $Path, [int] $MaxMegabytes)

    if (-not (Test-Path -LiteralPath $Path)) {
        return
    }
    $length = (Get-Item -LiteralPath $Path -Force).Length
    if ($length -gt $MaxMegabytes * 1048576) {
        Write-Error -Message "$length bytes are more than the limit of $MaxMegabytes MB." `
            -ErrorId 'PyWfp.too-large' -Category LimitsExceeded -ErrorAction Stop
    }
}
