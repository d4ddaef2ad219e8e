function Get-PyWfpTempPath {
    <#
    .SYNOPSIS
        Gives the machine's folder for temporary files, the same one for every account.
    #>
    [CmdletBinding()]
    param()

    if ($env:SystemRoot) {
        return Join-Path $env:SystemRoot 'Temp'
    }
    if ($env:TMPDIR) {
        return $env:TMPDIR
    }
    '/tmp'
}
