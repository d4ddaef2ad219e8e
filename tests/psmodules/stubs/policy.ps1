function Get-PyWfpRegistryValue {
    param($Key)
    if ($Key -like '*Policies*PrivateProfile') {
        return [ordered]@{ EnableFirewall = 1; R = 'v2.31|x|'; Keys = 2 }
    }
    if ($Key -like '*Policies*FirewallRules') {
        return [ordered]@{ R1 = 'v2.31|Action=Allow|'; R2 = $null; R3 = 'x'; Keys = 'v2.31|Y|' }
    }
    $null
}
