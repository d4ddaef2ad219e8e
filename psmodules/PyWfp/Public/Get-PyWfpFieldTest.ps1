function Get-PyWfpFieldTest {
    <#
    .SYNOPSIS
        Sends what shows how this machine behaves where documents are silent, part "field".
    .DESCRIPTION
        One JSON line a kind, each on its own try: what was seen, or the error. Changes nothing; its
        own temporary folder is removed. What needs an elevated administrator says so where there is
        none.
    .PARAMETER Kind
        What to try.
    .PARAMETER Say
        Texts that are sent back as they came.
    .PARAMETER Run
        Name of the run, part of the name of the temporary folder.
    .PARAMETER LimitSeconds
        How long netsh may take each time.
    .PARAMETER MaxMegabytes
        How large its files may be.
    #>
    [CmdletBinding()]
    param(
        [ValidateSet('Shell', 'Json', 'Argument', 'Text', 'Left', 'Folder', 'Netsh', 'Registry', 'Module')] [string[]] $Kind = @('Shell', 'Json', 'Argument', 'Text', 'Left', 'Folder', 'Netsh', 'Registry', 'Module'),
        [ValidatePattern('^[^\r\n]{0,200}\z')] [string[]] $Say = @(),
        [ValidatePattern('^[0-9A-Za-z-]{1,40}\z')] [string] $Run = 'local',
        [ValidatePattern('^[0-9]{1,4}\z')] [string] $LimitSeconds = '120',
        [ValidatePattern('^[0-9]{1,6}\z')] [string] $MaxMegabytes = '512'
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpFieldTest'
    try {
        $takenAt = [DateTime]::UtcNow.ToString('o')
        $probes = @{
            Shell = { Get-PyWfpShellProbe }
            Json = { Get-PyWfpJsonProbe }
            Argument = { [ordered]@{ said = @($Say); count = $Say.Count } }
            Text = { Get-PyWfpTextProbe -Run $Run }
            Left = { [ordered]@{ folders = @(Get-PyWfpRunFolder).Count } }
            Folder = { Get-PyWfpFolderProbe -Run $Run }
            Netsh = { Get-PyWfpNetshProbe -Run $Run -LimitSeconds $LimitSeconds -MaxMegabytes $MaxMegabytes }
            Registry = { Get-PyWfpRegistryProbe }
            Module = { Get-PyWfpModuleProbe }
        }
        $lines = @(foreach ($name in $Kind) {
                $began = [DateTime]::UtcNow
                $line = [ordered]@{ v = 1; kind = $name; seen = $null; error = $null }
                try {
                    $line['seen'] = & $probes[$name]
                }
                catch {
                    $line['error'] = [ordered]@{ id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" }
                }
                $line['ms'] = [int] ([DateTime]::UtcNow - $began).TotalMilliseconds
                ConvertTo-PyWfpJson -InputObject $line
            })
        Send-PyWfpText -Part 'field' -Content 'field-test' -Call $call -TakenAt $takenAt -Text (($lines -join "`n") + "`n")
    }
    catch {
        Send-PyWfpProblem -Part 'field' -Problem $_
        throw
    }
}
