<#
.SYNOPSIS
    Installs the module PyWfp and registers its JEA endpoint on this host.
.DESCRIPTION
    Run it elevated, in Windows PowerShell, from the folder that "wfp jea" wrote. It does three
    things: it copies the module to Program Files, it registers the session configuration, and with
    -Restart it restarts WinRM, which cuts every remote session of this host. Undo all of it with
    Unregister-PyWfpEndpoint.ps1.
.PARAMETER Name
    Name of the endpoint: ansible_psrp_configuration_name in an inventory.
.PARAMETER Restart
    Restart WinRM now. Without it the endpoint is there after the next restart of the service.
#>
[CmdletBinding()]
param(
    [ValidatePattern('^[A-Za-z][A-Za-z0-9.-]{0,63}\z')] [string] $Name = 'PyWfp',
    [switch] $Restart
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$configuration = Join-Path $PSScriptRoot 'PyWfp.pssc'
$source = Join-Path $PSScriptRoot 'PyWfp'
$target = Join-Path $env:ProgramFiles 'WindowsPowerShell\Modules\PyWfp'

# 1. Is the configuration good for this host?
if (-not (Test-PSSessionConfigurationFile -Path $configuration)) {
    throw "$configuration is not a session configuration."
}
$virtual = Select-String -LiteralPath $configuration -Pattern '^\s*RunAsVirtualAccount\s*=' -Quiet
$role = (Get-CimInstance -ClassName 'Win32_ComputerSystem').DomainRole
if ($virtual -and $role -ge 4) {
    # A domain controller has no local accounts: a virtual account there is an administrator of the
    # whole domain, whoever is let in.
    throw 'This is a domain controller: write the files anew with "wfp jea --gmsa ACCOUNT".'
}
if (@(Get-PSSessionConfiguration -Name $Name -ErrorAction SilentlyContinue).Count -gt 0) {
    throw "There is an endpoint $Name already: run Unregister-PyWfpEndpoint.ps1 first."
}

# 2. The module, where only administrators write.
if (Test-Path -LiteralPath $target) {
    throw "There is a $target already: run Unregister-PyWfpEndpoint.ps1 first."
}
Copy-Item -LiteralPath $source -Destination $target -Recurse

# 3. The endpoint.
$null = Register-PSSessionConfiguration -Name $Name -Path $configuration -NoServiceRestart -Force
if ($Restart) {
    Restart-Service -Name 'WinRM' -Force
    "The endpoint $Name is registered."
}
else {
    "The endpoint $Name is registered; it is there once WinRM was restarted (Restart-Service WinRM)."
}
