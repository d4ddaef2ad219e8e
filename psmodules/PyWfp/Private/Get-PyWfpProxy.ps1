function Get-PyWfpProxy {
    <#
    .SYNOPSIS
        Gives the proxy settings of the machine and of users whose hive is loaded.
    #>
    [CmdletBinding()]
    param()

    $names = @('ProxyEnable', 'ProxyServer', 'ProxyOverride', 'AutoConfigURL', 'AutoDetect', 'ProxySettingsPerUser', 'WinHttpSettings')
    $settings = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings'
    $keys = @(
        "HKEY_LOCAL_MACHINE\$settings"
        "HKEY_LOCAL_MACHINE\$settings\Connections"
        'HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings'
    )
    foreach ($hive in @(Get-ChildItem -LiteralPath 'Registry::HKEY_USERS')) {
        if ($hive.PSChildName -match '^S-1-5-(18|19|20|21-[0-9-]+)$') {
            $keys += "HKEY_USERS\$($hive.PSChildName)\$settings"
        }
    }
    foreach ($key in $keys) {
        $values = Get-PyWfpRegistryValue -Key $key -Name $names
        if ($null -ne $values -and $values.Count -gt 0) {
            foreach ($name in @($values.Keys)) {
                if ($values[$name] -is [string]) {
                    # An address may carry an account and its password.
                    $values[$name] = $values[$name] -replace '[^/;=\s]+@', '***@'
                }
            }
            [ordered]@{ key = $key; values = $values }
        }
    }
}
