function Get-PyWfpModuleFact {
    <#
    .SYNOPSIS
        Gives the versions of NtObjectManager that are installed.
    #>
    [CmdletBinding()]
    param()

    foreach ($module in @(Get-Module -ListAvailable -Name 'NtObjectManager')) {
        "$($module.Version)"
    }
}
