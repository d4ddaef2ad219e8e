function Get-PyWfpFilterDump {
    <#
    .SYNOPSIS
        Sends all filters and providers as netsh writes them, part "filters".
    .DESCRIPTION
        Without layers, sublayers, callouts and contexts; for those ask for the state. Changes
        nothing; needs an elevated administrator.
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

    $call = 'Get-PyWfpFilterDump'
    try {
        Assert-PyWfpReady
        $dump = @{ Run = $Run; LimitSeconds = $LimitSeconds; MaxMegabytes = $MaxMegabytes }
        # Without verbose netsh leaves out filters that a heavier one covers, and whole layers.
        Send-PyWfpNetshFile -Part 'filters' -Content 'netsh-filters' -Call $call -Argument 'wfp', 'show', 'filters', 'verbose=on' @dump
    }
    catch {
        Send-PyWfpProblem -Part 'filters' -Problem $_
        throw
    }
}
