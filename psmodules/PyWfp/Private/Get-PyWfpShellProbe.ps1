function Get-PyWfpShellProbe {
    <#
    .SYNOPSIS
        Gives how this PowerShell writes numbers and what it says of itself.
    #>
    [CmdletBinding()]
    param()

    $seen = [ordered]@{
        version = "$($PSVersionTable.PSVersion)"
        edition = "$($PSVersionTable.PSEdition)"
        language_mode = "$($ExecutionContext.SessionState.LanguageMode)"
        elevated = Test-PyWfpElevated
        minus_five = '' + -5
        one_and_a_half = "$(1.5)"
        largest = "$([uint32] 4294967295)"
        time = ([datetime] '2026-11-21 10:00:00').ToString('o')
        program_code = $null
        program_missing = $null
        digest = $null
    }
    if ($env:SystemRoot) {
        # An ending that is no error, and text on the error stream: neither may end the function.
        $seen['program_code'] = Get-PyWfpExitCode -Path (Find-PyWfpProgram -Name 'icacls') -Argument (Join-Path (Get-PyWfpTempPath) 'pywfp-no-such-file')
    }
    try {
        $null = Find-PyWfpProgram -Name 'pywfp-no-such-program'
    }
    catch {
        $seen['program_missing'] = "$($_.FullyQualifiedErrorId)"
    }
    if (Test-PyWfpFullLanguage) {
        $hash = $null
        if ("$($PSVersionTable.PSEdition)" -eq 'Core') {
            $hash = [System.Security.Cryptography.SHA256]::Create()
        }
        else {
            $hash = New-Object System.Security.Cryptography.SHA256CryptoServiceProvider
        }
        $bytes = [System.Text.Encoding]::ASCII.GetBytes('abc')
        $seen['digest'] = [System.BitConverter]::ToString($hash.ComputeHash($bytes)).Replace('-', '').ToLowerInvariant()
    }
    $seen
}
