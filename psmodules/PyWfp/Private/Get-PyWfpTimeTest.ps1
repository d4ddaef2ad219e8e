function Get-PyWfpTimeTest {
    <#
    .SYNOPSIS
        Gives a test of an event's time for a query of the log; nothing for no time.
    .PARAMETER Operator
        How to compare.
    .PARAMETER Time
        yyyyMMddTHHmmssfffZ, or empty.
    #>
    [CmdletBinding()]
    param([string] $Operator, [string] $Time)

    if (-not $Time) {
        return ''
    }
    $iso = $Time -replace '^(....)(..)(..)T(..)(..)(..)(...)Z$', '$1-$2-$3T$4:$5:$6.$7Z'
    " and TimeCreated[@SystemTime$Operator'$iso']"
}
