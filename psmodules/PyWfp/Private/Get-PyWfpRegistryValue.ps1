function Get-PyWfpRegistryValue {
    <#
    .SYNOPSIS
        Gives the values of a registry key as a dictionary of numbers and texts, bytes as hex.
    .PARAMETER Key
        The key, such as HKEY_LOCAL_MACHINE\SOFTWARE; a missing one gives null.
    .PARAMETER Name
        The only values that are wanted; all where none is named.
    #>
    [CmdletBinding()]
    param([string] $Key, [string[]] $Name = @())

    $path = "Registry::$Key"
    if (-not (Test-Path -LiteralPath $path)) {
        return $null
    }
    $found = [ordered]@{}
    $item = Get-ItemProperty -LiteralPath $path
    if ($null -eq $item) {
        return $found
    }
    foreach ($property in @($item.PSObject.Properties)) {
        if ($Name.Count -gt 0 -and $Name -notcontains $property.Name) {
            continue
        }
        if (@('PSPath', 'PSParentPath', 'PSChildName', 'PSDrive', 'PSProvider') -contains $property.Name) {
            continue
        }
        $value = $property.Value
        if ($value -is [byte[]]) {
            $value = -join @(foreach ($byte in $value) { '{0:x2}' -f $byte })
        }
        elseif ($value -is [array]) {
            $value = @(foreach ($text in $value) { "$text" })
        }
        $found[$property.Name] = $value
    }
    $found
}
