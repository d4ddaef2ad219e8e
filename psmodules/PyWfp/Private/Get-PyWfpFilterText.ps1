function Get-PyWfpFilterText {
    <#
    .SYNOPSIS
        Gives filters as JSON lines, layer by layer: one that breaks the list costs its layer only.
    .PARAMETER Engine
        An open engine.
    .PARAMETER LayerKey
        GUIDs of the layers; none means all.
    .PARAMETER Column
        Lines of the table.
    .PARAMETER Descriptor
        Whether security descriptors are asked for.
    #>
    [CmdletBinding()]
    param([object] $Engine, [string[]] $LayerKey, [string[]] $Column, [bool] $Descriptor)

    $keys = @($LayerKey)
    if ($keys.Count -eq 0) {
        $keys = @(foreach ($layer in @(Get-FwLayer -Engine $Engine -ErrorAction Stop)) { $layer.Key.ToString() })
    }
    $failed = @()
    $gaps = @()
    $filters = @(foreach ($key in $keys) {
            try {
                Get-PyWfpFilterObject -Engine $Engine -LayerKey $key
            }
            catch {
                $failed += $_
                $gap = [ordered]@{ kind = 'gap'; of = 'filter'; about = $key; id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" }
                $gaps += (ConvertTo-PyWfpJson -InputObject $gap) + "`n"
            }
        })
    if ($failed.Count -gt 0 -and $failed.Count -eq $keys.Count) {
        # What no layer will answer is no gap.
        Assert-PyWfpStatus -Problem $failed[0]
    }
    # One call for all: it has a table of names to make first.
    Get-PyWfpRecordText -Kind 'Filter' -InputObject $filters -Column $Column -Descriptor $Descriptor
    -join $gaps
}
