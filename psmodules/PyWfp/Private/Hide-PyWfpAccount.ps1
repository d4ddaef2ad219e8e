function Hide-PyWfpAccount {
    <#
    .SYNOPSIS
        Gives addresses of proxies without accounts, passwords and queries.
    .PARAMETER Text
        The addresses as one text.
    #>
    [CmdletBinding()]
    param([string] $Text)

    # A password may hold every mark that parts one address from the next: all before the last @ goes.
    $shown = $Text -replace '(?s)^((?:(?:https?|ftp|socks)=)?(?:(?:https?|ftp|socks[45]?)://)?).*@', '$1***@'
    $shown -replace '(?s)^((?:https?|ftp)://[^?#]*)[?#].*', '$1?***'
}
