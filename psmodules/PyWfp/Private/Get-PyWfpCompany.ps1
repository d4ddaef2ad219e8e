function Get-PyWfpCompany {
    <#
    .SYNOPSIS
        Gives the company in the version resource of a file; null where that cannot be read.
    .PARAMETER Path
        The file.
    #>
    [CmdletBinding()]
    param([string] $Path)

    try {
        (Get-Item -LiteralPath $Path -Force).VersionInfo.CompanyName
    }
    catch {
        $null
    }
}
