function Get-PyWfpRoute {
    <#
    .SYNOPSIS
        Gives every route, active (store 1) and persistent (store 0).
    #>
    [CmdletBinding()]
    param()

    foreach ($route in @(Get-CimInstance -OperationTimeoutSec 20 -Namespace 'root/StandardCimv2' -ClassName 'MSFT_NetRoute')) {
        [ordered]@{
            destination = "$($route.DestinationPrefix)"
            next_hop = "$($route.NextHop)"
            interface_index = Get-PyWfpNumber -Value $route.InterfaceIndex
            metric = Get-PyWfpNumber -Value $route.RouteMetric
            store = Get-PyWfpNumber -Value $route.Store
        }
    }
}
