function Get-PyWfpInterface {
    <#
    .SYNOPSIS
        Gives every network interface with LUID, type, state, addresses and network profile.
    #>
    [CmdletBinding()]
    param()

    $scope = 'root/StandardCimv2'
    $adapters = @(Get-CimInstance -OperationTimeoutSec 20 -Namespace $scope -ClassName 'MSFT_NetAdapter')
    $protocols = @(Get-CimInstance -OperationTimeoutSec 20 -Namespace $scope -ClassName 'MSFT_NetIPInterface')
    $addresses = @(Get-CimInstance -OperationTimeoutSec 20 -Namespace $scope -ClassName 'MSFT_NetIPAddress')
    $networks = @(Get-CimInstance -OperationTimeoutSec 20 -Namespace $scope -ClassName 'MSFT_NetConnectionProfile')
    $found = [ordered]@{}
    foreach ($adapter in $adapters) {
        $found["$($adapter.InterfaceIndex)"] = [ordered]@{
            index = Get-PyWfpNumber -Value $adapter.InterfaceIndex
            luid = Get-PyWfpNumber -Value $adapter.NetLuid
            guid = "$($adapter.InterfaceGuid)"
            alias = "$($adapter.Name)"
            description = "$($adapter.InterfaceDescription)"
            type = Get-PyWfpNumber -Value $adapter.InterfaceType
            operational_status = Get-PyWfpNumber -Value $adapter.InterfaceOperationalStatus
        }
    }
    foreach ($protocol in $protocols) {
        $index = "$($protocol.InterfaceIndex)"
        if (@($found.Keys) -notcontains $index) {
            $found[$index] = [ordered]@{
                index = Get-PyWfpNumber -Value $protocol.InterfaceIndex
                alias = "$($protocol.InterfaceAlias)"
            }
        }
        # 2 is IPv4, 23 IPv6; 1 is connected.
        $family = Get-PyWfpNumber -Value $protocol.AddressFamily
        $found[$index]["connected_$family"] = Get-PyWfpNumber -Value $protocol.ConnectionState
    }
    foreach ($index in @($found.Keys)) {
        $row = $found[$index]
        $row['addresses'] = @(foreach ($address in $addresses) {
                if ("$($address.InterfaceIndex)" -eq $index) {
                    [ordered]@{
                        address = "$($address.IPAddress)"
                        prefix_length = Get-PyWfpNumber -Value $address.PrefixLength
                        state = Get-PyWfpNumber -Value $address.AddressState
                    }
                }
            })
        foreach ($network in $networks) {
            if ("$($network.InterfaceIndex)" -eq $index) {
                $row['network'] = "$($network.Name)"
                $row['category'] = Get-PyWfpNumber -Value $network.NetworkCategory
            }
        }
        $row
    }
}
