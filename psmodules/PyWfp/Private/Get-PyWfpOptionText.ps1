function Get-PyWfpOptionText {
    <#
    .SYNOPSIS
        Gives the options of the engine as JSON lines; one that the host does not know is a gap.
    .PARAMETER Engine
        An open engine.
    #>
    [CmdletBinding()]
    param([object] $Engine)

    $failed = @()
    $lines = @(foreach ($option in 'CollectNetEvents', 'NetEventMatchAnyKeywords', 'NameCache', 'MonitorIPsecConnections', 'PacketQueuing', 'TxnWatchdogTimeoutInMsec') {
            try {
                $value = Get-FwEngineOption -Engine $Engine -Option $option -ErrorAction Stop
                '{"kind":"engineoption","option":"' + $option + '","value":' + (Get-PyWfpValueText -Value $value) + '}'
            }
            catch {
                $failed += $_
                $gap = [ordered]@{ kind = 'gap'; of = 'engineoption'; about = $option; id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" }
                ConvertTo-PyWfpJson -InputObject $gap
            }
        })
    if ($failed.Count -eq $lines.Count) {
        Assert-PyWfpStatus -Problem $failed[0]
    }
    ($lines -join "`n") + "`n"
}
