function Send-PyWfpPlainFile {
    <#
    .SYNOPSIS
        Sends the data and the end of a part as text, for constrained language.
    .PARAMETER Part
        Name of the part.
    .PARAMETER Path
        A UTF-8 file of at most 64 MB.
    #>
    [CmdletBinding()]
    param([string] $Part, [string] $Path)

    $length = (Get-Item -LiteralPath $Path -Force).Length
    if ($length -gt 67108864) {
        Write-Error -Message "In constrained language $length bytes cannot be sent." `
            -ErrorId 'PyWfp.too-large' -Category LimitsExceeded -ErrorAction Stop
    }
    try {
        $digest = (Get-FileHash -LiteralPath $Path -Algorithm SHA256).Hash.ToLowerInvariant()
    }
    catch {
        # In Windows PowerShell it is a script itself.
        Write-Error -Message "Nothing can be hashed in this language mode: $($_.Exception.Message)" `
            -ErrorId 'PyWfp.constrained-language' -Category PermissionDenied -ErrorAction Stop
    }
    # The quotes take off what Get-Content hangs on a text. It takes off the byte order mark too,
    # which size and hash do count: the reader knows by that to put it back.
    $text = "$(Get-Content -LiteralPath $Path -Raw -Encoding UTF8)"
    $frames = 0
    $at = 0
    while ($at -lt $text.Length) {
        $count = 5000
        if ($at + $count -gt $text.Length) {
            $count = $text.Length - $at
        }
        elseif ("$($text[$at + $count - 1])" -cmatch '[\ud800-\udbff]') {
            $count -= 1
        }
        $frame = [ordered]@{ frame = 'data'; part = $Part; n = $frames; text = $text.Substring($at, $count) }
        Send-PyWfpFrame -Text (ConvertTo-PyWfpJson -InputObject $frame)
        $frames += 1
        $at += $count
    }
    $end = [ordered]@{
        frame = 'end'; part = $Part; frames = $frames; plain = $length; hash_of = 'plain'; sha256 = $digest
    }
    Send-PyWfpFrame -Text (ConvertTo-PyWfpJson -InputObject $end)
}
