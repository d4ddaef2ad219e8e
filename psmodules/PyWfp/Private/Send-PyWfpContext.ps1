function Send-PyWfpContext {
    <#
    .SYNOPSIS
        Sends kinds of context, each on its own try: parts "context", "sysports", "options" and
        "netevents".
    .PARAMETER Call
        Function that sends them.
    .PARAMETER Kind
        What to send.
    .PARAMETER Run
        Name of the run.
    .PARAMETER LimitSeconds
        How long netsh may take.
    .PARAMETER MaxMegabytes
        How large its files may be.
    .PARAMETER Stuck
        The error with which an earlier netsh took all its time: it is not asked again.
    #>
    [CmdletBinding()]
    param([string] $Call, [string[]] $Kind, [string] $Run, [int] $LimitSeconds, [int] $MaxMegabytes, [object] $Stuck)

    $readers = [ordered]@{
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
    $takenAt = [DateTime]::UtcNow.ToString('o')
    $lines = @()
    # Names as they stand here, however they were spelt: the reader knows no others.
    foreach ($name in @($readers.Keys)) {
        if ($Kind -notcontains $name) {
            continue
        }
        $began = Get-PyWfpTick
        $line = [ordered]@{ v = 1; kind = $name; rows = $null; error = $null }
        try {
            $line['rows'] = @(& $readers[$name])
            $line['ms'] = (Get-PyWfpTick) - $began
            $lines += ConvertTo-PyWfpJson -InputObject $line
        }
        catch {
            $line['rows'] = $null
            $line['ms'] = (Get-PyWfpTick) - $began
            $line['error'] = [ordered]@{ id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" }
            $lines += ConvertTo-PyWfpJson -InputObject $line
            Send-PyWfpProblem -Part 'context' -Problem $_ -About $name
        }
    }
    if ($lines.Count -gt 0) {
        Send-PyWfpText -Part 'context' -Content 'context' -Call $Call -TakenAt $takenAt -Text (($lines -join "`n") + "`n")
    }
    $limits = @{ Call = $Call; Run = $Run; LimitSeconds = $LimitSeconds; MaxMegabytes = $MaxMegabytes }
    foreach ($name in 'SysPort', 'Option', 'NetEvent') {
        if ($Kind -notcontains $name) {
            continue
        }
        $part = $name.ToLowerInvariant() + 's'
        try {
            if ($null -ne $Stuck) {
                throw $Stuck
            }
            Assert-PyWfpReady
            if ($name -eq 'Option') {
                Send-PyWfpOption @limits
            }
            else {
                Send-PyWfpNetshFile -Part $part -Content "netsh-$part" -Argument 'wfp', 'show', $part @limits
            }
        }
        catch {
            Send-PyWfpProblem -Part $part -Problem $_
            if (Test-PyWfpStuck -Problem $_) {
                $Stuck = $_
            }
        }
    }
}
