function Get-PyWfpAuditPolicy {
    <#
    .SYNOPSIS
        Gives the audit setting of every subcategory by GUID: 0 none, 1 success, 2 failure, 3 both.
    #>
    [CmdletBinding()]
    param()

    $folder = New-PyWfpFolder -Run 'audit'
    try {
        # Its other outputs name the setting in the language of the machine only.
        $path = Join-Path $folder 'audit.csv'
        $code = Get-PyWfpExitCode -Path (Find-PyWfpProgram -Name 'auditpol') -Argument '/backup', "/file:$path"
        if ($code -ne 0) {
            Write-Error -Message "auditpol ended with code $code." -ErrorId 'PyWfp.audit-failed' `
                -Category InvalidResult -ErrorAction Stop
        }
        $found = [ordered]@{}
        foreach ($line in @(Get-Content -LiteralPath $path)) {
            # The machine's own settings come first; a user's own may follow.
            if ("$line" -match '\{([0-9A-Fa-f-]{36})\}.*,([0-9]{1,9})\s*$' -and @($found.Keys) -notcontains $Matches[1]) {
                $found[$Matches[1]] = [int] $Matches[2]
            }
        }
        if ($found.Count -eq 0) {
            Write-Error -Message 'The file of auditpol holds no setting that can be read.' `
                -ErrorId 'PyWfp.audit-failed' -Category InvalidData -ErrorAction Stop
        }
        foreach ($guid in @($found.Keys)) {
            [ordered]@{ subcategory = $guid.ToLowerInvariant(); setting = $found[$guid] }
        }
    }
    finally {
        Remove-PyWfpFolder -Path $folder
    }
}
