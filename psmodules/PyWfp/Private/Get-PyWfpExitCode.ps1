function Get-PyWfpExitCode {
    <#
    .SYNOPSIS
        Runs a short program, drops what it prints and gives its exit code.
    .PARAMETER Path
        The program.
    .PARAMETER Argument
        Its arguments.
    #>
    [CmdletBinding()]
    param([string] $Path, [string[]] $Argument)

    # Windows PowerShell makes an error of every line on the error stream.
    $ErrorActionPreference = 'Continue'
    $null = & $Path @Argument 2>&1
    $LASTEXITCODE
}
