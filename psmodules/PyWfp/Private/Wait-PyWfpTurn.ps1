function Wait-PyWfpTurn {
    <#
    .SYNOPSIS
        Waits until no older run is at work on this machine.
    .PARAMETER Folder
        The folder of this run.
    .PARAMETER LimitSeconds
        How long to wait.
    #>
    [CmdletBinding()]
    param([string] $Folder, [int] $LimitSeconds)

    $mine = Get-Item -LiteralPath $Folder -Force
    $before = $true
    for ($waited = 0; $waited -le 4 * $LimitSeconds; $waited += 1) {
        $before = @(foreach ($other in @(Get-PyWfpRunFolder)) {
                $older = $other.CreationTimeUtc -lt $mine.CreationTimeUtc
                $same = $other.CreationTimeUtc -eq $mine.CreationTimeUtc
                if (($older -or ($same -and $other.Name -lt $mine.Name)) -and (Test-PyWfpRun -Folder $other)) {
                    $other.Name
                }
            })
        if ($before.Count -eq 0) {
            return
        }
        Start-Sleep -Milliseconds 250
    }
    Write-Error -Message "Another run is at work: $($before[0])." -ErrorId 'PyWfp.busy' `
        -Category ResourceBusy -ErrorAction Stop
}
