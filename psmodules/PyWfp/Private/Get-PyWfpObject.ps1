function Get-PyWfpObject {
    <#
    .SYNOPSIS
        Gives all objects of a kind other than filters.
    .PARAMETER Engine
        An open engine.
    .PARAMETER Kind
        The kind.
    #>
    [CmdletBinding()]
    param([object] $Engine, [string] $Kind)

    switch ($Kind) {
        'Layer' { Get-FwLayer -Engine $Engine -ErrorAction Stop }
        'SubLayer' { Get-FwSubLayer -Engine $Engine -ErrorAction Stop }
        'Provider' { Get-FwProvider -Engine $Engine -ErrorAction Stop }
        'Callout' { Get-FwCallout -Engine $Engine -ErrorAction Stop }
        'Session' { Get-FwSession -Engine $Engine -ErrorAction Stop }
        'AleEndpoint' { Get-FwAleEndpoint -Engine $Engine -ErrorAction Stop }
        'NetEvent' { Get-FwNetEvent -Engine $Engine -ErrorAction Stop }
    }
}
