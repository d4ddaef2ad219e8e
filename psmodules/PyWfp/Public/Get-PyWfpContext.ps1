function Get-PyWfpContext {
    <#
    .SYNOPSIS
        Sends what tells who owns what on this host, part "context" and, for SysPort, "sysports".
    .DESCRIPTION
        One JSON line a kind. Each kind is asked for on its own: one that fails has no rows but an
        error, and the others are sent all the same. Changes nothing.
    .PARAMETER Kind
        What to send.
    .PARAMETER Run
        Name of the run, part of the name of the temporary folder.
    .PARAMETER LimitSeconds
        How long netsh may take.
    .PARAMETER MaxMegabytes
        How large its file may be.
    #>
    [CmdletBinding()]
    param(
        [ValidateSet('Service', 'Driver', 'Process', 'Listener', 'Route', 'FirewallProfile', 'FirewallRule', 'Proxy', 'AuditPolicy', 'SysPort', 'Volume', 'Interface')] [string[]] $Kind = @('Service', 'Driver', 'Process', 'Listener', 'Route', 'FirewallProfile', 'FirewallRule', 'Proxy', 'AuditPolicy', 'SysPort', 'Volume', 'Interface'),
        [ValidatePattern('^[0-9A-Za-z-]{1,40}$')] [string] $Run = 'local',
        [ValidatePattern('^[0-9]{1,4}$')] [string] $LimitSeconds = '120',
        [ValidatePattern('^[0-9]{1,6}$')] [string] $MaxMegabytes = '512'
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpContext'
    $readers = @{
        Service = { Get-PyWfpService }
        Driver = { Get-PyWfpDriver }
        Process = { Get-PyWfpProcess }
        Listener = { Get-PyWfpListener }
        Route = { Get-PyWfpRoute }
        FirewallProfile = { Get-PyWfpFirewallProfile }
        FirewallRule = { Get-PyWfpFirewallRule }
        Proxy = { Get-PyWfpProxy }
        AuditPolicy = { Get-PyWfpAuditPolicy }
        Volume = { Get-PyWfpVolume }
        Interface = { Get-PyWfpInterface }
    }
    try {
        $takenAt = [DateTime]::UtcNow.ToString('o')
        $lines = @()
        foreach ($name in $Kind) {
            if ($name -eq 'SysPort') {
                continue
            }
            $began = [DateTime]::UtcNow
            $line = [ordered]@{ v = 1; kind = $name; rows = $null; error = $null }
            try {
                $line['rows'] = @(& $readers[$name])
            }
            catch {
                $line['error'] = [ordered]@{ id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" }
                Send-PyWfpProblem -Part 'context' -Problem $_ -About $name
            }
            $line['ms'] = [int] ([DateTime]::UtcNow - $began).TotalMilliseconds
            $lines += ConvertTo-PyWfpJson -InputObject $line
        }
        Send-PyWfpText -Part 'context' -Content 'context' -Call $call -TakenAt $takenAt -Text (($lines -join "`n") + "`n")
        if ($Kind -contains 'SysPort') {
            try {
                Assert-PyWfpReady
                $dump = @{ Run = $Run; LimitSeconds = $LimitSeconds; MaxMegabytes = $MaxMegabytes }
                Send-PyWfpNetshFile -Part 'sysports' -Content 'netsh-sysports' -Call $call -Argument 'wfp', 'show', 'sysports' @dump
            }
            catch {
                Send-PyWfpProblem -Part 'sysports' -Problem $_
            }
        }
    }
    catch {
        Send-PyWfpProblem -Part 'context' -Problem $_
        throw
    }
}
