function Get-PyWfpJsonText {
    <#
    .SYNOPSIS
        Gives a text as an ASCII JSON string, quotes included. Full language.
    .PARAMETER Text
        The text.
    #>
    [CmdletBinding()]
    param([string] $Text)

    $out = New-Object System.Text.StringBuilder
    [void] $out.Append('"')
    foreach ($letter in $Text.ToCharArray()) {
        $code = [int] $letter
        if ($code -eq 34 -or $code -eq 92) {
            [void] $out.Append('\').Append($letter)
        }
        elseif ($code -lt 32 -or $code -gt 126) {
            [void] $out.Append('\u').Append($code.ToString('x4'))
        }
        else {
            [void] $out.Append($letter)
        }
    }
    $out.Append('"').ToString()
}
