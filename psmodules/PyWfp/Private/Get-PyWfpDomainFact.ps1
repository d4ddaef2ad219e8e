function Get-PyWfpDomainFact {
    <#
    .SYNOPSIS
        Gives the domain or workgroup, and which of the two it is.
    #>
    [CmdletBinding()]
    param()

    $system = Get-CimInstance -OperationTimeoutSec 10 -ClassName 'Win32_ComputerSystem'
    [ordered]@{
        name = "$($system.Domain)"
        joined = $system.PartOfDomain
        role = Get-PyWfpNumber -Value $system.DomainRole
        dns_host_name = "$($system.DNSHostName)"
    }
}
