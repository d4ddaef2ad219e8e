function Get-PyWfpRegistryProbe {
    <#
    .SYNOPSIS
        Gives which of the registry keys that are read are there, and the names of the engine's options.
    #>
    [CmdletBinding()]
    param()

    $options = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\BFE\Parameters\Policy\Options'
    $keys = [ordered]@{
        options = $options
        rules = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules'
        restricted = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\RestrictedServices'
        language = 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Nls\Language'
    }
    $seen = [ordered]@{}
    foreach ($name in @($keys.Keys)) {
        $seen[$name] = Test-Path -LiteralPath ('Registry::' + $keys[$name])
    }
    # As the test of elevation in constrained language asks it.
    $hive = @(Get-Item -LiteralPath 'Registry::HKEY_USERS\S-1-5-20' -ErrorAction SilentlyContinue)
    $seen['network_service'] = $hive.Count -eq 1
    $values = Get-PyWfpRegistryValue -Key $options
    $seen['option_names'] = @()
    if ($null -ne $values) {
        $seen['option_names'] = @($values.PSBase.Keys)
    }
    $seen
}
