function Send-PyWfpNetshFile {
    <#
    .SYNOPSIS
        Lets netsh write a file and sends it as one part; nothing of it stays on the disk.
    .PARAMETER Part
        Name of the part.
    .PARAMETER Content
        Kind of its bytes.
    .PARAMETER Call
        Function that makes it.
    .PARAMETER Argument
        What netsh shall do, without the file.
    .PARAMETER Run
        Name of the run.
    .PARAMETER LimitSeconds
        How long netsh may take.
    .PARAMETER MaxMegabytes
        How large the file may be.
    #>
    [CmdletBinding()]
    param([string] $Part, [string] $Content, [string] $Call, [string[]] $Argument, [string] $Run, [int] $LimitSeconds, [int] $MaxMegabytes)

    $folder = New-PyWfpFolder -Run $Run
    try {
        $path = Join-Path $folder "$Part.xml"
        $takenAt = [DateTime]::UtcNow.ToString('o')
        Invoke-PyWfpNetsh -Folder $folder -Argument $Argument -Path $path -LimitSeconds $LimitSeconds -MaxMegabytes $MaxMegabytes
        Send-PyWfpFile -Part $Part -Content $Content -Call $Call -TakenAt $takenAt -Path $path
    }
    finally {
        Remove-PyWfpFolder -Path $folder
    }
}
