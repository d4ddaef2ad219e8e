function Get-PyWfpRunFolder {
    <#
    .SYNOPSIS
        Gives the folders of all runs, ours and others', dead and alive.
    #>
    [CmdletBinding()]
    param()

    foreach ($folder in @(Get-ChildItem -LiteralPath (Get-PyWfpTempPath) -Directory -Force -Filter 'pywfp-*')) {
        # Anybody may make a folder there. What an ordinary account made keeps nobody waiting, and
        # nothing in it is removed with the rights of an administrator.
        if ($folder.Name -cmatch '^pywfp-[0-9A-Za-z-]{1,40}-[0-9]{1,9}-[0-9a-f]{12}\z' -and (Test-PyWfpOwner -Path $folder.FullName)) {
            $folder
        }
    }
}
