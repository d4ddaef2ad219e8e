function ConvertTo-PyWfpJson {
    <#
    .SYNOPSIS
        Gives one line of ASCII JSON.
    .PARAMETER InputObject
        Dictionaries, lists, texts, numbers and booleans; nothing of another type.
    #>
    [CmdletBinding()]
    param([object] $InputObject)

    # Too little depth is only a warning, and its JSON looks right.
    $json = ConvertTo-Json -InputObject $InputObject -Compress -Depth 8 -WarningAction Stop
    while ($json -cmatch '[^\x00-\x7e]') {
        $json = $json.Replace($Matches[0], '\u' + ('{0:x4}' -f [int] [char] $Matches[0]))
    }
    $json
}
