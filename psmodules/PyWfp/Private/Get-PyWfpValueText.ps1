function Get-PyWfpValueText {
    <#
    .SYNOPSIS
        Gives a FirewallValue as JSON: data type "t" and "v", or "lost" where the module kept no bytes.
    .PARAMETER Value
        The value. Its raw part is read, never the one with names in it.
    #>
    [CmdletBinding()]
    param([object] $Value)

    $type = $Value.Type.value__
    $raw = $Value.Value
    $head = '{"t":' + $type + ',"v":'
    if ($type -eq 0) {
        return '{"t":0}'
    }
    if ($type -eq 258) {
        return '{"t":258,"low":' + (Get-PyWfpValueText -Value $raw.Low) + ',"high":' + (Get-PyWfpValueText -Value $raw.High) + '}'
    }
    if (@(1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18, 20, 256, 257) -notcontains $type) {
        return '{"t":' + $type + ',"lost":true}'
    }
    if ($null -eq $raw) {
        return $head + 'null}'
    }
    if ($type -le 8) {
        return $head + $raw + '}'
    }
    if ($type -eq 13) {
        return $head + '"' + $raw.ToString() + '"}'
    }
    if ($type -eq 14) {
        return $head + (Get-PyWfpJsonText -Text $raw.ToSddl()) + '}'
    }
    if ($type -eq 17) {
        return $head + (Get-PyWfpJsonText -Text $raw) + '}'
    }
    if ($type -eq 256 -or $type -eq 257) {
        return $head + '"' + $raw.Address.ToString() + '","mask":"' + $raw.Mask.ToString() + '","prefix":' + $raw.PrefixLength + '}'
    }
    if ($type -eq 15) {
        $lists = @(foreach ($groups in @($raw.Sids), @($raw.RestrictedSids)) {
                $texts = @(foreach ($group in $groups) {
                        '["' + $group.Sid.ToString() + '",' + ($group.Attributes.value__ -band 4294967295) + ']'
                    })
                '[' + ($texts -join ',') + ']'
            })
        return $head + '{"sids":' + $lists[0] + ',"restricted":' + $lists[1] + '}}'
    }
    if ($type -eq 20) {
        $bytes = New-Object byte[] 8
        [void] $raw.CopyTo($bytes, 0)
        $raw = $bytes
    }
    $head + '"' + [System.BitConverter]::ToString($raw).Replace('-', '').ToLowerInvariant() + '"}'
}
