function Test-PyWfpOwner {
    <#
    .SYNOPSIS
        Tells whether an administrator, the system or this account owns a folder.
    .PARAMETER Path
        The folder.
    #>
    [CmdletBinding()]
    param([string] $Path)

    if (-not $env:SystemRoot) {
        return $true
    }
    try {
        $acl = Get-Acl -LiteralPath $Path
    }
    catch {
        return $false
    }
    # S-1-5-32-544 is BA, S-1-5-18 SY, the machine's own administrator LA.
    if ("$($acl.Sddl)" -cmatch '^O:(BA|SY|LA)') {
        return $true
    }
    if (-not (Test-PyWfpFullLanguage)) {
        return $false
    }
    $own = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    "$($acl.Sddl)".StartsWith("O:${own}G:", [System.StringComparison]::Ordinal)
}
