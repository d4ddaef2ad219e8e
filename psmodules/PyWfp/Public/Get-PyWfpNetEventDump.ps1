function Get-PyWfpNetEventDump {
    <#
    .SYNOPSIS
        Sends the ring of net events as netsh writes it, part "netevents".
    .DESCRIPTION
        The ring holds some hundred events. Changes nothing; needs an elevated administrator.
    .PARAMETER Run
        Name of the run, part of the name of the temporary folder.
    .PARAMETER LimitSeconds
        How long netsh may take.
    .PARAMETER MaxMegabytes
        How large the dump may be.
    .PARAMETER WindowSeconds
        How far back to look; empty for all that the ring holds.
    #>
    [CmdletBinding()]
    param(
        [ValidatePattern('^[0-9A-Za-z-]{1,40}\z')] [string] $Run = 'local',
        [ValidatePattern('^[0-9]{1,4}\z')] [string] $LimitSeconds = '120',
        [ValidatePattern('^[0-9]{1,6}\z')] [string] $MaxMegabytes = '512',
        [ValidatePattern('^[0-9]{0,7}\z')] [string] $WindowSeconds = ''
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpNetEventDump'
    try {
        Assert-PyWfpReady
        $dump = @{ Run = $Run; LimitSeconds = $LimitSeconds; MaxMegabytes = $MaxMegabytes }
        $words = @('wfp', 'show', 'netevents')
        if ($WindowSeconds) {
            $words += "timewindow=$WindowSeconds"
        }
        Send-PyWfpNetshFile -Part 'netevents' -Content 'netsh-netevents' -Call $call -Argument $words @dump
    }
    catch {
        Send-PyWfpProblem -Part 'netevents' -Problem $_
        throw
    }
}
