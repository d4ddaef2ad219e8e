function Get-PyWfpModuleProbe {
    <#
    .SYNOPSIS
        Gives how NtObjectManager lists filters here: counts, and filter ids in the engine's order.
    #>
    [CmdletBinding()]
    param()

    Import-PyWfpNtObjectManager
    $engine = $null
    try {
        $engine = Get-FwEngine
        $plain = @(Get-FwFilter -Engine $engine -ErrorAction Stop)
        $layers = @(Get-FwLayer -Engine $engine -ErrorAction Stop)
        $asked = @(foreach ($layer in $layers) { Get-PyWfpFilterObject -Engine $engine -LayerKey $layer.Key.ToString() })
        # Connect, IPv4: where most ties are.
        $sorted = New-FwFilterTemplate -LayerKey 'c38d57d1-05a7-4c33-904f-7fbceee60e82' -Flags 'Sorted'
        $order = @(foreach ($filter in @(Get-FwFilter -Engine $engine -Template $sorted -ErrorAction Stop)) { "$($filter.FilterId)" })
        $seen = [ordered]@{ order = $order; type = ''; plain = $null; asked = $null }
        foreach ($name in 'plain', 'asked') {
            $filters = $plain
            if ($name -eq 'asked') {
                $filters = $asked
            }
            $boot = 0
            $disabled = 0
            foreach ($filter in $filters) {
                # FWPM_FILTER_FLAG_BOOTTIME and FWPM_FILTER_FLAG_DISABLED.
                $boot += [int] (($filter.Flags.value__ -band 2) -ne 0)
                $disabled += [int] (($filter.Flags.value__ -band 32) -ne 0)
            }
            $seen[$name] = [ordered]@{ filters = $filters.Count; boottime = $boot; disabled = $disabled }
        }
        if ($plain.Count -gt 0) {
            $seen['type'] = "$($plain[0].GetType())"
        }
        $seen
    }
    catch {
        Assert-PyWfpStatus -Problem $_
        throw
    }
    finally {
        if ($null -ne $engine) {
            [void] $engine.Dispose()
        }
    }
}
