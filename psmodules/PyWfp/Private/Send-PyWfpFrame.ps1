function Send-PyWfpFrame {
    <#
    .SYNOPSIS
        Sends one frame. The only place that writes to the output stream.
    .PARAMETER Text
        One line of ASCII JSON, at most 32,000 characters.
    #>
    [CmdletBinding()]
    param([string] $Text)

    $Text
}
