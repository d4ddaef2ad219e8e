function Get-PyWfpStep {
    <#
    .SYNOPSIS
        Gives the milliseconds that one turn of a waiting loop took: 100 where the clock was set
        meanwhile.
    .PARAMETER Since
        What Get-PyWfpTick gave when the turn began.
    #>
    [CmdletBinding()]
    param([long] $Since)

    $step = (Get-PyWfpTick) - $Since
    if ($step -lt 0 -or $step -gt 10000) {
        return 100
    }
    $step
}
