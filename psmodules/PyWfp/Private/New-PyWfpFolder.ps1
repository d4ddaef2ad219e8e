function New-PyWfpFolder {
    <#
    .SYNOPSIS
        Makes a folder for one run, for administrators and the caller only, and gives its path.
    .PARAMETER Run
        Name of the run.
    #>
    [CmdletBinding()]
    param([string] $Run)

    $random = [guid]::NewGuid().ToString('N').Substring(0, 12)
    $path = Join-Path (Get-PyWfpTempPath) "pywfp-$Run-$PID-$random"
    if ($env:SystemRoot) {
        # Administrators, and whoever owns it (owner rights): SIDs, since names are localised.
        $program = Find-PyWfpProgram -Name 'icacls'
        $arguments = @($path, '/inheritance:r', '/grant:r', '*S-1-5-32-544:(OI)(CI)F', '/grant:r', '*S-1-3-4:(OI)(CI)F')
    }
    else {
        $program = Find-PyWfpProgram -Name 'chmod'
        $arguments = @('700', $path)
    }
    $null = New-Item -ItemType Directory -Path $path
    $code = Get-PyWfpExitCode -Path $program -Argument $arguments
    if ($code -ne 0) {
        Remove-PyWfpFolder -Path $path
        Write-Error -Message "The folder $path could not be closed to others (exit code $code)." `
            -ErrorId 'PyWfp.folder-failed' -Category PermissionDenied -ErrorAction Stop
    }
    $path
}
