function Get-PyWfpAccountFact {
    <#
    .SYNOPSIS
        Gives the account this runs as and whether it is elevated.
    #>
    [CmdletBinding()]
    param()

    $fact = [ordered]@{
        name = "$env:USERDOMAIN\$env:USERNAME"
        sid = $null
        elevated = Test-PyWfpElevated
    }
    if ($env:OS -eq 'Windows_NT' -and (Test-PyWfpFullLanguage)) {
        $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
        $fact['name'] = $identity.Name
        $fact['sid'] = $identity.User.Value
    }
    $fact
}
