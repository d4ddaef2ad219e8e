function Get-ChildItem {
    param($LiteralPath)
    foreach ($sid in 'S-1-5-21-1-2-3-500', 'S-1-5-21-1-2-3-500_Classes', '.DEFAULT') {
        New-Object psobject -Property @{ PSChildName = $sid }
    }
}

function Get-PyWfpRegistryValue {
    param($Key, $Name, [switch] $AsIs)
    if ($Key -like 'HKEY_USERS*') {
        return [ordered]@{ ProxyEnable = 1; ProxyServer = [byte[]] @(1, 2) }
    }
    if ($Key -like '*Connections') {
        return [ordered]@{ WinHttpSettings = [byte[]] @($env:WFP_BYTES -split ' ') }
    }
    if ($Key -like '*Policies*') {
        return $null
    }
    [ordered]@{ ProxyServer = $env:WFP_PROXY; ProxyOverride = @('a', 'u:p@b') }
}
