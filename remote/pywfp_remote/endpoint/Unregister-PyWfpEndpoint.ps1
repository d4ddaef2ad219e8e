<#
.SYNOPSIS
    Removes the JEA endpoint and the module PyWfp from this host.
.DESCRIPTION
    Undoes what Register-PyWfpEndpoint.ps1 did. Run it elevated, in Windows PowerShell. Running it
    twice does no harm.
.PARAMETER Name
    Name of the endpoint.
.PARAMETER Restart
    Restart WinRM now, which cuts every remote session of this host.
#>
[CmdletBinding()]
param(
    [ValidatePattern('^[A-Za-z][A-Za-z0-9.-]{0,63}\z')] [string] $Name = 'PyWfp',
    [switch] $Restart
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$target = Join-Path $env:ProgramFiles 'WindowsPowerShell\Modules\PyWfp'

# 1. The endpoint.
if (@(Get-PSSessionConfiguration -Name $Name -ErrorAction SilentlyContinue).Count -gt 0) {
    Unregister-PSSessionConfiguration -Name $Name -NoServiceRestart -Force
}

# 2. The module, if it is ours.
$manifest = Join-Path $target 'PyWfp.psd1'
if (Test-Path -LiteralPath $manifest) {
    if ((Import-PowerShellDataFile -LiteralPath $manifest).Author -ne 'pywfp_ps') {
        throw "$target holds another module; nothing of it was removed."
    }
    Remove-Item -LiteralPath $target -Recurse -Force
}
if ($Restart) {
    Restart-Service -Name 'WinRM' -Force
}
"The endpoint $Name is gone; sessions that are open end with the next restart of WinRM."
