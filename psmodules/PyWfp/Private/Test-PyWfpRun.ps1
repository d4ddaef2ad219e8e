function Test-PyWfpRun {
    <#
    .SYNOPSIS
        Tells whether the process that made a folder of ours still lives.
    .PARAMETER Folder
        The folder.
    #>
    [CmdletBinding()]
    param([object] $Folder)

    $maker = @()
    if ($Folder.Name -match '-([0-9]{1,9})-[0-9a-f]{12}\z') {
        $maker = @(Get-Process -Id $Matches[1] -ErrorAction SilentlyContinue)
    }
    if ($maker.Count -eq 0) {
        return $false
    }
    # A younger process has only inherited the number. Null: not ours to ask, so take it as alive.
    $began = $maker[0].StartTime
    $null -eq $began -or $began.ToUniversalTime() -le $Folder.CreationTimeUtc
}
