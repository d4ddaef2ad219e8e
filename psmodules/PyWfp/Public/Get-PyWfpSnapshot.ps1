function Get-PyWfpSnapshot {
    <#
    .SYNOPSIS
        Sends all that one collection needs in one job: facts, filter engine, context.
    .DESCRIPTION
        Parts "facts", "state" (netsh) and "records" (NtObjectManager) as asked for, the parts of
        the context, and "after". What fails is told and the rest is sent; where a source failed
        the call ends with its error. In constrained language netsh answers for NtObjectManager.
        Changes nothing; needs an elevated administrator.
    .PARAMETER Source
        Where the filter engine's objects come from.
    .PARAMETER Context
        Kinds of context to send; an empty text for none.
    .PARAMETER Run
        Name of the run, part of the name of the temporary folder.
    .PARAMETER LimitSeconds
        How long netsh may take each time.
    .PARAMETER MaxMegabytes
        How large its files may be.
    #>
    [CmdletBinding()]
    param(
        [ValidateSet('netsh', 'ntobjectmanager', 'both')] [string] $Source = 'netsh',
        [ValidateSet('', 'Service', 'Driver', 'Process', 'Listener', 'Route', 'FirewallProfile', 'FirewallRule', 'Proxy', 'AuditPolicy', 'SysPort', 'Volume', 'Interface', 'Option', 'NetEvent')] [string[]] $Context = @('Service', 'Driver', 'Process', 'Listener', 'Route', 'FirewallProfile', 'FirewallRule', 'Proxy', 'AuditPolicy', 'SysPort', 'Volume', 'Interface', 'Option', 'NetEvent'),
        [ValidatePattern('^[0-9A-Za-z-]{1,40}\z')] [string] $Run = 'local',
        [ValidatePattern('^[0-9]{1,4}\z')] [string] $LimitSeconds = '120',
        [ValidatePattern('^[0-9]{1,6}\z')] [string] $MaxMegabytes = '512'
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpSnapshot'
    $limits = @{ Call = $call; Run = $Run; LimitSeconds = $LimitSeconds; MaxMegabytes = $MaxMegabytes }
    $seen = @{ newest = @() }
    $failed = $null
    $stuck = $null
    try {
        Send-PyWfpHostFact -Call $call
        $swept = @(Clear-PyWfpFolder)
        # Constrained language has no NtObjectManager: netsh answers instead, and a problem says so.
        $netsh = $Source -ne 'ntobjectmanager' -or -not (Test-PyWfpFullLanguage)
        foreach ($part in 'state', 'records') {
            try {
                if ($part -eq 'state' -and $netsh) {
                    Assert-PyWfpReady
                    Send-PyWfpNetshFile -Part $part -Content 'netsh-state' -Argument 'wfp', 'show', 'state' @limits
                }
                if ($part -eq 'records' -and $Source -ne 'netsh') {
                    Assert-PyWfpReady
                    $kinds = 'Provider', 'SubLayer', 'Layer', 'Callout', 'Filter', 'Session', 'AleEndpoint', 'EngineOption'
                    Send-PyWfpRecord -Call $call -Kind $kinds -LayerKey @() -Descriptor $false -Seen $seen
                }
            }
            catch {
                Send-PyWfpProblem -Part $part -Problem $_
                $failed = $_
                if (Test-PyWfpStuck -Problem $_) {
                    $stuck = $_
                }
            }
        }
        Send-PyWfpContext -Kind $Context -Stuck $stuck @limits
        Send-PyWfpAfter -Call $call -Swept $swept -NewestFilter $seen['newest']
    }
    catch {
        Send-PyWfpProblem -Part 'after' -Problem $_
        throw
    }
    if ($null -ne $failed) {
        throw $failed
    }
}
