function Clear-PyWfpFolder {
    <#
    .SYNOPSIS
        Removes what runs that died have left behind and gives the names; none where the folder for
        temporary files does not open for this account.
    #>
    [CmdletBinding()]
    param()

    if ((Test-PyWfpElevated) -eq $false) {
        return
    }
    foreach ($folder in @(Get-PyWfpRunFolder)) {
        if (-not (Test-PyWfpRun -Folder $folder)) {
            Remove-PyWfpFolder -Path $folder.FullName
            if (-not (Test-Path -LiteralPath $folder.FullName)) {
                $folder.Name
            }
        }
    }
}
