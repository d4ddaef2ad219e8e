function Get-PyWfpNumber {
    <#
    .SYNOPSIS
        Gives a number as it is, an enum as its number, and null as null.
    .PARAMETER Value
        The value.
    #>
    [CmdletBinding()]
    param([object] $Value)

    if ($null -eq $Value) {
        return $null
    }
    if ($Value.GetType().IsEnum) {
        return [long] $Value
    }
    $Value
}
