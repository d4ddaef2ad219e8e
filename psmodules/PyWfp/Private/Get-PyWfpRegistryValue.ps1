function Get-PyWfpRegistryValue {
    <#
    .SYNOPSIS
        Gives the values of a registry key as a dictionary of numbers and texts, bytes as hex. One
        that cannot be read is null.
    .PARAMETER Key
        The key, such as HKEY_LOCAL_MACHINE\SOFTWARE; a missing one gives null.
    .PARAMETER Name
        The only values that are wanted; all where none is named.
    .PARAMETER AsIs
        Leaves bytes as they are.
    #>
    [CmdletBinding()]
    param([string] $Key, [string[]] $Name = @(), [switch] $AsIs)

    $path = "Registry::$Key"
    if (-not (Test-Path -LiteralPath $path)) {
        return $null
    }
    $found = [ordered]@{}
    try {
        $items = @(Get-ItemProperty -LiteralPath $path)
    }
    catch {
        # One value whose bytes do not fit its type is enough: ask for each alone.
        $items = @(foreach ($one in @((Get-Item -LiteralPath $path).Property)) {
                $found[$one] = $null
                try {
                    Get-ItemProperty -LiteralPath $path -Name $one
                }
                catch {
                    $null = $_
                }
            })
    }
    foreach ($item in $items) {
        foreach ($property in @($item.PSObject.Properties)) {
            if (@('PSPath', 'PSParentPath', 'PSChildName', 'PSDrive', 'PSProvider') -contains $property.Name) {
                continue
            }
            $value = $property.Value
            if ($value -is [byte[]] -and -not $AsIs) {
                $value = -join @(foreach ($byte in $value) { '{0:x2}' -f $byte })
            }
            elseif ($value -is [array] -and $value -isnot [byte[]]) {
                $value = @(foreach ($text in $value) { "$text" })
            }
            elseif ($value -is [int]) {
                # The registry's numbers have no sign.
                $value = $value -band 4294967295
            }
            $found[$property.Name] = $value
        }
    }
    if ($Name.Count -eq 0) {
        return $found
    }
    $wanted = [ordered]@{}
    foreach ($one in $Name) {
        if (@($found.PSBase.Keys) -contains $one) {
            $wanted[$one] = $found[$one]
        }
    }
    $wanted
}
