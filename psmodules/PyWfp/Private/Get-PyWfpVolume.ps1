function Get-PyWfpVolume {
    <#
    .SYNOPSIS
        Gives the device name of every volume that has a letter or is mounted in a folder.
    #>
    [CmdletBinding()]
    param()

    $program = Find-PyWfpProgram -Name 'fltmc'
    # Windows PowerShell makes an error of every line on the error stream.
    $ErrorActionPreference = 'Continue'
    $lines = @(& $program volumes 2>&1)
    $code = $LASTEXITCODE
    $ErrorActionPreference = 'Stop'
    if ($code -ne 0) {
        Write-Error -Message "fltmc ended with code $code." -ErrorId 'PyWfp.volumes-failed' `
            -Category InvalidResult -ErrorAction Stop
    }
    foreach ($line in $lines) {
        if ("$line" -match '^\s*([A-Za-z]:.*?)\s+(\\Device\\\S+)') {
            [ordered]@{ letter = $Matches[1]; device = $Matches[2] }
        }
    }
}
