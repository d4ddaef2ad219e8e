function Get-PyWfpFieldText {
    <#
    .SYNOPSIS
        Gives one property as JSON, for forms that are rare.
    .PARAMETER Form
        Name of the form.
    .PARAMETER Value
        The property's value.
    #>
    [CmdletBinding()]
    param([string] $Form, [object] $Value)

    if ($null -eq $Value) {
        return 'null'
    }
    switch ($Form) {
        'value' { return Get-PyWfpValueText -Value $Value }
        'string' { return Get-PyWfpJsonText -Text $Value.ToString() }
        'bool' { return $Value.ToString().ToLowerInvariant() }
        'address' { return '"' + $Value.Address.ToString() + '"' }
        'port' { return '' + $Value.Port }
        'time' { return '"' + $Value.ToUniversalTime().ToString('o') + '"' }
        'luid' { return '' + (([long] $Value.HighPart -shl 32) -bor [long] $Value.LowPart) }
        'fields' {
            $texts = @(foreach ($field in $Value) {
                    '["' + $field.Key.ToString() + '",' + $field.Type.value__ + ',' + $field.DataType.value__ + ']'
                })
            return '[' + ($texts -join ',') + ']'
        }
    }
    Write-Error -Message "There is no form $Form." -ErrorId 'PyWfp.bug' -Category InvalidArgument -ErrorAction Stop
}
