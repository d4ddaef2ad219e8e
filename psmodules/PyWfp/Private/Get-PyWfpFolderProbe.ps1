function Get-PyWfpFolderProbe {
    <#
    .SYNOPSIS
        Gives who may use a folder of ours, and whether it is gone at the end.
    .PARAMETER Run
        Name of the run.
    #>
    [CmdletBinding()]
    param([string] $Run)

    $folder = New-PyWfpFolder -Run $Run
    $seen = [ordered]@{ access = $null; gone = $null }
    try {
        if ($env:SystemRoot) {
            $seen['access'] = "$((Get-Acl -LiteralPath $folder).Sddl)"
        }
    }
    finally {
        Remove-PyWfpFolder -Path $folder
    }
    $seen['gone'] = -not (Test-Path -LiteralPath $folder)
    $seen
}
