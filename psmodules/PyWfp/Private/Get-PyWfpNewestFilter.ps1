function Get-PyWfpNewestFilter {
    <#
    .SYNOPSIS
        Gives the highest filter id as decimal text; empty where it cannot be asked.
    .PARAMETER Engine
        An open engine.
    #>
    [CmdletBinding()]
    param([object] $Engine)

    $newest = 0
    try {
        foreach ($filter in @(Get-FwFilter -Engine $Engine -ErrorAction Stop)) {
            if ($filter.FilterId -gt $newest) {
                $newest = $filter.FilterId
            }
        }
        "$newest"
    }
    catch {
        ''
    }
}
