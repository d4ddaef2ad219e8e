function Get-PyWfpHostFact {
    <#
    .SYNOPSIS
        Sends the facts about this host, part "facts".
    .DESCRIPTION
        Changes nothing. What cannot be found out is named with the reason, and the rest is sent.
    #>
    [CmdletBinding()]
    param()

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    try {
        Send-PyWfpHostFact -Call 'Get-PyWfpHostFact'
    }
    catch {
        Send-PyWfpProblem -Part 'facts' -Problem $_
        throw
    }
}
