function Get-PyWfpRecordText {
    <#
    .SYNOPSIS
        Gives objects as JSON lines, by the table. One that cannot be read becomes a line "gap".
    .PARAMETER Kind
        Kind of the objects, as the table has it.
    .PARAMETER InputObject
        The objects.
    .PARAMETER Column
        Lines of the table: field, form, property.
    .PARAMETER Descriptor
        Whether security descriptors are asked for: one call of the engine an object.
    #>
    [CmdletBinding()]
    param([string] $Kind, [object[]] $InputObject, [string[]] $Column, [bool] $Descriptor)

    # A call of a function costs some 30 microseconds and there would be a dozen a filter: what is
    # common is written in line. Numbers go through '' + n, since Append follows the culture's minus.
    $unsafe = New-Object System.Text.RegularExpressions.Regex('[^ !#-\[\]-~]')
    $guids = @{}
    $guids[[guid]::Empty] = 'null'
    $fields = @(foreach ($line in $Column) {
            $words = $line.Split(' ')
            @{ head = ',"' + $words[0] + '":'; form = $words[1].TrimEnd('?'); property = $words[2]; optional = $words[1].EndsWith('?') }
        })
    $out = New-Object System.Text.StringBuilder
    $label = $Kind.ToLowerInvariant().Replace('ale', '')
    foreach ($item in $InputObject) {
        $start = $out.Length
        try {
            [void] $out.Append('{"kind":"').Append($label).Append('"')
            foreach ($field in $fields) {
                if ($field.optional -and @($item.PSObject.Properties.Name) -notcontains $field.property) {
                    continue
                }
                $value = $item.($field.property)
                $form = $field.form
                [void] $out.Append($field.head)
                if ($form -eq 'guid') {
                    $text = $guids[$value]
                    if ($null -eq $text) {
                        $text = '"' + $value.ToString() + '"'
                        $guids[$value] = $text
                    }
                    [void] $out.Append($text)
                }
                elseif ($form -eq 'text') {
                    if ($unsafe.IsMatch("$value")) {
                        [void] $out.Append((Get-PyWfpJsonText -Text $value))
                    }
                    else {
                        [void] $out.Append('"').Append("$value").Append('"')
                    }
                }
                elseif ($form -eq 'number') {
                    [void] $out.Append('' + $value)
                }
                elseif ($form -eq 'number32') {
                    [void] $out.Append('' + ($value -band 4294967295))
                }
                elseif ($form -eq 'enum') {
                    [void] $out.Append('' + ($value.value__ -band 4294967295))
                }
                elseif ($form -eq 'hex') {
                    [void] $out.Append('"')
                    if ($value.Length -gt 0) {
                        [void] $out.Append([System.BitConverter]::ToString($value).Replace('-', '').ToLowerInvariant())
                    }
                    [void] $out.Append('"')
                }
                elseif ($form -eq 'conditions') {
                    $comma = '[{"field":"'
                    foreach ($condition in $value) {
                        $inner = $condition.Value
                        $type = $inner.Type.value__
                        [void] $out.Append($comma).Append($condition.FieldKey.ToString()).Append('","match":').Append('' + $condition.MatchType.value__).Append(',"value":')
                        if ($type -ge 1 -and $type -le 4) {
                            [void] $out.Append('{"t":').Append('' + $type).Append(',"v":').Append('' + $inner.Value).Append('}}')
                        }
                        else {
                            [void] $out.Append((Get-PyWfpValueText -Value $inner)).Append('}')
                        }
                        $comma = ',{"field":"'
                    }
                    if ($comma.StartsWith('[')) {
                        [void] $out.Append('[')
                    }
                    [void] $out.Append(']')
                }
                else {
                    [void] $out.Append((Get-PyWfpFieldText -Form $form -Value $value))
                }
            }
            $lost = $null
            if ($Descriptor) {
                try {
                    # The property gives null without an error where the method tells why not.
                    $sddl = $item.GetSecurityDescriptor('Owner, Group, Dacl').ToSddl()
                    [void] $out.Append(',"sd":').Append((Get-PyWfpJsonText -Text $sddl))
                }
                catch {
                    $lost = $_
                }
            }
            [void] $out.Append('}').Append([char] 10)
            if ($null -ne $lost) {
                $gap = [ordered]@{ kind = 'gap'; of = $label; about = "sd of $($item.Key)"; id = "$($lost.FullyQualifiedErrorId)"; text = "$($lost.Exception.Message)" }
                [void] $out.Append((ConvertTo-PyWfpJson -InputObject $gap)).Append([char] 10)
            }
        }
        catch {
            $out.Length = $start
            $gap = [ordered]@{ kind = 'gap'; of = $label; id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" }
            [void] $out.Append((ConvertTo-PyWfpJson -InputObject $gap)).Append([char] 10)
        }
    }
    $out.ToString()
}
