function Get-PyWfpRecordMap {
    <#
    .SYNOPSIS
        Gives the table of RecordMap.psd1; in a script that is sent the table stands right here.
    #>
    [CmdletBinding()]
    param()

    Import-PowerShellDataFile -LiteralPath (Join-Path (Split-Path $PSScriptRoot) 'RecordMap.psd1')
}
