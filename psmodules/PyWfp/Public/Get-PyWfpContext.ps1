function Get-PyWfpContext {
    <#
    .SYNOPSIS
        Sends what tells who owns what on this host, part "context".
    .DESCRIPTION
        One JSON line a kind; SysPort, Option and NetEvent are parts of their own, "sysports",
        "options" and "netevents". Each kind is asked for on its own: one that fails has no rows but
        an error, and the others are sent all the same. Changes nothing.
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
        [ValidateSet('Service', 'Driver', 'Process', 'Listener', 'Route', 'FirewallProfile', 'FirewallRule', 'Proxy', 'AuditPolicy', 'SysPort', 'Volume', 'Interface', 'Option', 'NetEvent')] [string[]] $Kind = @('Service', 'Driver', 'Process', 'Listener', 'Route', 'FirewallProfile', 'FirewallRule', 'Proxy', 'AuditPolicy', 'SysPort', 'Volume', 'Interface', 'Option', 'NetEvent'),
        [ValidatePattern('^[0-9A-Za-z-]{1,40}\z')] [string] $Run = 'local',
        [ValidatePattern('^[0-9]{1,4}\z')] [string] $LimitSeconds = '120',
        [ValidatePattern('^[0-9]{1,6}\z')] [string] $MaxMegabytes = '512'
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpContext'
    try {
        Send-PyWfpContext -Call $call -Kind $Kind -Run $Run -LimitSeconds $LimitSeconds -MaxMegabytes $MaxMegabytes
    }
    catch {
        Send-PyWfpProblem -Part 'context' -Problem $_
        throw
    }
}
