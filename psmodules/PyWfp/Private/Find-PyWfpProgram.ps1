function Find-PyWfpProgram {
    <#
    .SYNOPSIS
        Gives the full path of a program of Windows, never one that lies earlier on the PATH.
    .PARAMETER Name
        Name without extension.
    #>
    [CmdletBinding()]
    param([string] $Name)

    if ($env:SystemRoot) {
        $path = Join-Path (Join-Path $env:SystemRoot 'System32') "$Name.exe"
        if (Test-Path -LiteralPath $path) {
            return $path
        }
    }
    else {
        $found = @(Get-Command -Name $Name -CommandType Application -ErrorAction SilentlyContinue)
        if ($found.Count -gt 0) {
            return $found[0].Source
        }
    }
    Write-Error -Message "There is no $Name on this machine." -ErrorId 'PyWfp.program-missing' `
        -Category ObjectNotFound -ErrorAction Stop
}
