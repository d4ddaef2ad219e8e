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

    if (Test-PyWfpFullLanguage) {
        # Windows PowerShell's own property of a drive asks WMI, which may never answer.
        $free = (New-Object System.IO.DriveInfo($Folder)).AvailableFreeSpace
    }
    else {
        $item = Get-Item -LiteralPath $Folder -Force
        # A path without a drive, and a drive without a size, say nothing.
        if (@($item.PSObject.Properties.Name) -notcontains 'PSDrive' -or $null -eq $item.PSDrive) {
            return
        }
        $free = $item.PSDrive.Free
    }
    if ($null -ne $free -and $free -lt $Megabytes * 1048576) {
        Write-Error -Message "Only $free bytes are free where $Folder is." -ErrorId 'PyWfp.no-disk' `
            -Category LimitsExceeded -ErrorAction Stop
    }
}
