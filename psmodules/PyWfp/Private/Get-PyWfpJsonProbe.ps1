function Get-PyWfpJsonProbe {
    <#
    .SYNOPSIS
        Gives, as texts, the JSON that this PowerShell makes of values of each kind that is sent.
    #>
    [CmdletBinding()]
    param()

    $letters = 'A"\/<>&' + [char] 39 + [char] 9 + [char] 127 + [char] 252 + [char] 8232 + [char] 55357 + [char] 56832
    $values = [ordered]@{
        texts = [ordered]@{ a = $letters; b = '' }
        numbers = [ordered]@{ a = [uint32] 4294967295; b = -5; c = 1.5; d = [long] 9007199254740993 }
        large = [ordered]@{ a = [guid]::Empty.ToString(); b = '18446744073709551615' }
        truths = [ordered]@{ a = $true; b = $false; c = $null }
        lists = [ordered]@{ a = @(); b = @('x'); c = @('x', 'y'); d = @([ordered]@{ e = @(1) }) }
        deep = [ordered]@{ a = [ordered]@{ b = [ordered]@{ c = [ordered]@{ d = [ordered]@{ e = @(1) } } } } }
    }
    $seen = [ordered]@{}
    foreach ($name in @($values.Keys)) {
        try {
            $seen[$name] = ConvertTo-PyWfpJson -InputObject $values[$name]
        }
        catch {
            $seen[$name] = 'error ' + "$($_.FullyQualifiedErrorId)"
        }
    }
    $bottom = [ordered]@{ a = 1 }
    foreach ($level in 1, 2, 3, 4, 5, 6, 7, 8, 9) {
        $bottom = [ordered]@{ a = $bottom; level = $level }
    }
    $seen['too_deep'] = ''
    try {
        $seen['too_deep'] = ConvertTo-PyWfpJson -InputObject $bottom
    }
    catch {
        $seen['too_deep'] = 'error ' + "$($_.FullyQualifiedErrorId)"
    }
    $seen
}
