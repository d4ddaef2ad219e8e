function Assert-PyWfpDisk {
    <#
    .SYNOPSIS
        Stops the call where the disk is nearly full.
    .PARAMETER Folder
        A folder on that disk.
    .PARAMETER Megabytes
        What must be free.
    #>
    [CmdletBinding()]
    param([string] $Folder, [int] $Megabytes)

    $free = (Get-Item -LiteralPath $Folder -Force).PSDrive.Free
    if ($null -ne $free -and $free -lt $Megabytes * 1048576) {
        Write-Error -Message "Only $free bytes are free where $Folder is." -ErrorId 'PyWfp.no-disk' `
            -Category LimitsExceeded -ErrorAction Stop
    }
}
