function Get-PyWfpFirewallRule {
    <#
    .SYNOPSIS
        Gives every firewall rule of every store as its registry value.
    #>
    [CmdletBinding()]
    param()

    $stores = Get-PyWfpFirewallStore
    foreach ($store in @($stores.Keys)) {
        # The restricted services' keys hold the rules themselves, the others a key with them.
        foreach ($key in $stores[$store], "$($stores[$store])\FirewallRules") {
            $values = Get-PyWfpRegistryValue -Key $key
            if ($null -eq $values) {
                continue
            }
            # PSBase: a rule whose id is Keys would hide all others.
            foreach ($id in @($values.PSBase.Keys)) {
                # One that cannot be read is told as a rule without text.
                if ($null -eq $values[$id] -or "$($values[$id])" -match '^v[0-9]+\.[0-9]+\|') {
                    [ordered]@{ store = $store; id = $id; rule = "$($values[$id])" }
                }
            }
        }
    }
}
