function Get-PyWfpFirewallStore {
    <#
    .SYNOPSIS
        Gives the registry keys under which the firewall keeps policy, by store.
    #>
    [CmdletBinding()]
    param()

    $local = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy'
    [ordered]@{
        'local' = $local
        'group-policy' = 'HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\WindowsFirewall'
        'mdm' = "$local\Mdm"
        'restricted-static' = "$local\RestrictedServices\Static\System"
        'restricted-configurable' = "$local\RestrictedServices\Configurable\System"
        'app-iso' = "$local\RestrictedServices\AppIso"
    }
}
