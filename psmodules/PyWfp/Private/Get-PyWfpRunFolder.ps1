function Get-PyWfpRunFolder {
    <#
    .SYNOPSIS
        Gives the folders of all runs, ours and others', dead and alive.
    #>
    [CmdletBinding()]
    param()

    foreach ($folder in @(Get-ChildItem -LiteralPath (Get-PyWfpTempPath) -Directory -Force -Filter 'pywfp-*')) {
        if ($folder.Name -cmatch '^pywfp-[0-9A-Za-z-]{1,40}-[0-9]{1,9}-[0-9a-f]{12}$') {
            $folder
        }
    }
}
