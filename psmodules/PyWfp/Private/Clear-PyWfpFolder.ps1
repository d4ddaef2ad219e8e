function Clear-PyWfpFolder {
    <#
    .SYNOPSIS
        Removes what runs that died have left behind and gives the names.
    #>
    [CmdletBinding()]
    param()

    foreach ($folder in @(Get-PyWfpRunFolder)) {
        if (-not (Test-PyWfpRun -Folder $folder)) {
            Remove-PyWfpFolder -Path $folder.FullName
            if (-not (Test-Path -LiteralPath $folder.FullName)) {
                $folder.Name
            }
        }
    }
}
