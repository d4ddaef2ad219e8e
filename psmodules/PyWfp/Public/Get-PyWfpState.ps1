function Get-PyWfpState {
    <#
    .SYNOPSIS
        Sends the whole state of the filter engine as netsh writes it, part "state".
    .DESCRIPTION
        The facts go before it, part "facts", and what shows whether the engine was the same all
        the while after it, part "after". Changes nothing; needs an elevated administrator.
    .PARAMETER Run
        Name of the run, part of the name of the temporary folder.
    .PARAMETER LimitSeconds
        How long netsh may take.
    .PARAMETER MaxMegabytes
        How large the dump may be.
    #>
    [CmdletBinding()]
    param(
        [ValidatePattern('^[0-9A-Za-z-]{1,40}\z')] [string] $Run = 'local',
        [ValidatePattern('^[0-9]{1,4}\z')] [string] $LimitSeconds = '120',
        [ValidatePattern('^[0-9]{1,6}\z')] [string] $MaxMegabytes = '512'
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpState'
    try {
        Send-PyWfpHostFact -Call $call
        Assert-PyWfpReady
        $swept = @(Clear-PyWfpFolder)
        $dump = @{ Run = $Run; LimitSeconds = $LimitSeconds; MaxMegabytes = $MaxMegabytes }
        Send-PyWfpNetshFile -Part 'state' -Content 'netsh-state' -Call $call -Argument 'wfp', 'show', 'state' @dump
        Send-PyWfpAfter -Call $call -Swept $swept
    }
    catch {
        Send-PyWfpProblem -Part 'state' -Problem $_
        throw
    }
}
