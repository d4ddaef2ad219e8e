function Test-PyWfpElevated {
    <#
    .SYNOPSIS
        Tells whether this runs as an elevated administrator; null where there is no such thing.
    #>
    [CmdletBinding()]
    param()

    if ($env:OS -ne 'Windows_NT') {
        return $null
    }
    if (Test-PyWfpFullLanguage) {
        $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
        $principal = New-Object System.Security.Principal.WindowsPrincipal($identity)
        return $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)
    }
    # The hive of NETWORK SERVICE opens for elevated administrators only.
    $hive = @(Get-Item -LiteralPath 'Registry::HKEY_USERS\S-1-5-20' -ErrorAction SilentlyContinue)
    $hive.Count -eq 1
}
