function Get-PyWfpRecordMap {
    <#
    .SYNOPSIS
        Gives the table of RecordMap.psd1; in a script that is sent the table stands right here.
    #>
    [CmdletBinding()]
    param()

    # Import-PowerShellDataFile is a script in Windows PowerShell, which a JEA endpoint does not have.
    Import-LocalizedData -BaseDirectory (Split-Path $PSScriptRoot) -FileName 'RecordMap.psd1'
}
