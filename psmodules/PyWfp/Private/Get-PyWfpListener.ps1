function Get-PyWfpListener {
    <#
    .SYNOPSIS
        Gives every TCP port that listens and every UDP port that is bound; protocols as numbers.
    #>
    [CmdletBinding()]
    param()

    $scope = 'root/StandardCimv2'
    $listening = @(Get-CimInstance -OperationTimeoutSec 20 -Namespace $scope -ClassName 'MSFT_NetTCPConnection' -Filter 'State = 2')
    $bound = @(Get-CimInstance -OperationTimeoutSec 20 -Namespace $scope -ClassName 'MSFT_NetUDPEndpoint')
    foreach ($group in @{ number = 6; ports = $listening }, @{ number = 17; ports = $bound }) {
        foreach ($port in $group['ports']) {
            [ordered]@{
                protocol = $group['number']
                local_address = "$($port.LocalAddress)"
                local_port = Get-PyWfpNumber -Value $port.LocalPort
                process_id = Get-PyWfpNumber -Value $port.OwningProcess
            }
        }
    }
}
