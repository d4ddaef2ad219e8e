function Get-PyWfpFilterObject {
    <#
    .SYNOPSIS
        Gives the filters of one layer, boot-time and disabled ones included.
    .PARAMETER Engine
        An open engine.
    .PARAMETER LayerKey
        GUID of the layer as text: the cmdlet refuses a GUID object.
    #>
    [CmdletBinding()]
    param([object] $Engine, [string] $LayerKey)

    $template = New-FwFilterTemplate -LayerKey $LayerKey -Flags 'IncludeBoottime, IncludeDisabled' -ErrorAction Stop
    Get-FwFilter -Engine $Engine -Template $template -ErrorAction Stop
}
