function Wait-PyWfpTurn {
    <#
    .SYNOPSIS
        Waits until no older run is at work on this machine and gives the milliseconds that took.
    .PARAMETER Folder
        The folder of this run.
    .PARAMETER LimitSeconds
        How long to wait.
    #>
    [CmdletBinding()]
    param([string] $Folder, [int] $LimitSeconds)

    $mine = Get-Item -LiteralPath $Folder -Force
    $waited = 0
    while ($true) {
        $last = Get-PyWfpTick
        $before = @(foreach ($other in @(Get-PyWfpRunFolder)) {
                # What this very process has left is none to wait for: it would never go.
                if ($other.Name -eq $mine.Name -or $other.Name -cmatch "-$PID-[0-9a-f]{12}\z") {
                    continue
                }
                $older = $other.CreationTimeUtc -lt $mine.CreationTimeUtc
                $same = $other.CreationTimeUtc -eq $mine.CreationTimeUtc
                if (($older -or ($same -and $other.Name -lt $mine.Name)) -and (Test-PyWfpRun -Folder $other)) {
                    $other.Name
                }
            })
        if ($before.Count -eq 0) {
            return $waited
        }
        if ($waited -ge 1000 * $LimitSeconds) {
            Write-Error -Message "Another run is at work: $($before[0])." -ErrorId 'PyWfp.busy' `
                -Category ResourceBusy -ErrorAction Stop
        }
        Start-Sleep -Milliseconds 250
        $waited += Get-PyWfpStep -Since $last
    }
}
