function Get-PyWfpFirewallProfile {
    <#
    .SYNOPSIS
        Gives the firewall's settings a profile and store, the values as they stand.
    #>
    [CmdletBinding()]
    param()

    $stores = Get-PyWfpFirewallStore
    foreach ($store in @($stores.Keys)) {
        # Windows calls the private profile's key StandardProfile; policy knows both names.
        foreach ($name in '', 'DomainProfile', 'StandardProfile', 'PrivateProfile', 'PublicProfile') {
            $key = $stores[$store]
            if ($name) {
                $key = "$key\$name"
            }
            $values = Get-PyWfpRegistryValue -Key $key
            if ($null -ne $values) {
                # Where the rules are values of the store's own key they are no settings. PSBase, since a
                # value may have any name: one called Keys would stand for all.
                $settings = [ordered]@{}
                foreach ($each in @($values.PSBase.Keys)) {
                    if ("$($values[$each])" -notmatch '^v[0-9]+\.[0-9]+\|') {
                        $settings[$each] = $values[$each]
                    }
                }
                [ordered]@{ store = $store; profile = $name; values = $settings }
            }
        }
    }
}
