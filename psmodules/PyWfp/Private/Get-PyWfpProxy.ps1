function Get-PyWfpProxy {
    <#
    .SYNOPSIS
        Gives the proxy settings of the machine and of users whose hive is loaded, without accounts.
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
        if ($hive.PSChildName -match '^S-1-(5-(18|19|20|21-[0-9-]+)|12-1-[0-9-]+)\z') {
            $keys += "HKEY_USERS\$($hive.PSChildName)\$settings"
        }
    }
    foreach ($key in $keys) {
        $values = Get-PyWfpRegistryValue -Key $key -Name $names -AsIs
        if ($null -eq $values -or $values.Count -eq 0) {
            continue
        }
        $row = [ordered]@{}
        foreach ($name in @($values.Keys)) {
            $value = $values[$name]
            if ($value -is [byte[]]) {
                # Never as they are: an account and its password may stand in the bytes.
                $row[$name] = $null
                if ($name -eq 'WinHttpSettings') {
                    $parts = Get-PyWfpWinHttp -Data $value
                    foreach ($part in @($parts.Keys)) {
                        $row[$part] = $parts[$part]
                    }
                }
            }
            elseif ($value -is [array]) {
                $row[$name] = @(foreach ($text in $value) { Hide-PyWfpAccount -Text $text })
            }
            elseif ($value -is [string]) {
                $row[$name] = Hide-PyWfpAccount -Text $value
            }
            else {
                $row[$name] = $value
            }
        }
        [ordered]@{ key = $key; values = $row }
    }
}
