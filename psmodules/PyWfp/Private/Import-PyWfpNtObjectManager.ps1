function Import-PyWfpNtObjectManager {
    <#
    .SYNOPSIS
        Loads NtObjectManager, or says with a code of its own why that cannot be.
    #>
    [CmdletBinding()]
    param()

    if (-not (Test-PyWfpFullLanguage)) {
        Write-Error -Message 'NtObjectManager needs full language; netsh does not.' `
            -ErrorId 'PyWfp.constrained-language' -Category PermissionDenied -ErrorAction Stop
    }
    if (@(Get-Module -ListAvailable -Name 'NtObjectManager').Count -eq 0) {
        Write-Error -Message 'NtObjectManager is not installed.' -ErrorId 'PyWfp.module-missing' `
            -Category ObjectNotFound -ErrorAction Stop
    }
    try {
        $null = Import-Module -Name 'NtObjectManager' -WarningAction SilentlyContinue -PassThru
    }
    catch {
        $problem = $_
        $text = "$($problem.Exception.Message)"
        $codes = @()
        for ($cause = $problem.Exception; $null -ne $cause; $cause = $cause.InnerException) {
            $codes += '0x{0:X8}' -f $cause.HResult
        }
        # 0x800700E1 and E2 are ERROR_VIRUS_INFECTED and ERROR_VIRUS_DELETED.
        if ($codes -contains '0x800700E1' -or $codes -contains '0x800700E2' -or "$($problem.FullyQualifiedErrorId)" -match 'MaliciousContent') {
            Write-Error -Message $text -ErrorId 'PyWfp.antivirus' -Category SecurityError -ErrorAction Stop
        }
        if ("$($problem.CategoryInfo.Category)" -eq 'SecurityError' -or "$($problem.FullyQualifiedErrorId)" -match '^UnauthorizedAccess') {
            Write-Error -Message $text -ErrorId 'PyWfp.execution-policy' -Category SecurityError -ErrorAction Stop
        }
        Write-Error -Message $text -ErrorId 'PyWfp.module-failed' -Category InvalidResult -ErrorAction Stop
    }
}
