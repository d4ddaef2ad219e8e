function Assert-PyWfpStatus {
    <#
    .SYNOPSIS
        Turns an error of NtObjectManager into one of ours where its number is known.
    .PARAMETER Problem
        The error record. Its text is localised, the number in it is not.
    #>
    [CmdletBinding()]
    param([object] $Problem)

    $text = "$($Problem.Exception.Message)"
    if ($text -match '0x80070005') {
        Write-Error -Message $text -ErrorId 'PyWfp.access-denied' -Category PermissionDenied -ErrorAction Stop
    }
    if ($text -match '0x800706(D9|BA)') {
        Write-Error -Message $text -ErrorId 'PyWfp.bfe-stopped' -Category ResourceUnavailable -ErrorAction Stop
    }
}
