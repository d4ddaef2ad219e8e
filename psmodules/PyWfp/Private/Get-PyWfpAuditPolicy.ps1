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
        foreach ($line in @(Get-Content -LiteralPath $path)) {
            if ("$line" -match '\{([0-9A-Fa-f-]{36})\}.*,([0-9]+)\s*$') {
                [ordered]@{ subcategory = $Matches[1].ToLowerInvariant(); setting = [int] $Matches[2] }
            }
        }
    }
    finally {
        Remove-PyWfpFolder -Path $folder
    }
}
