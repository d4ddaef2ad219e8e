function Assert-PyWfpReady {
    <#
    .SYNOPSIS
        Stops the call where the filter engine cannot answer: not elevated, or BFE not running.
    #>
    [CmdletBinding()]
    param()

    if ((Test-PyWfpElevated) -eq $false) {
        Write-Error -Message 'The filter engine answers elevated administrators only.' `
            -ErrorId 'PyWfp.not-elevated' -Category PermissionDenied -ErrorAction Stop
    }
    if (@(Get-Command -Name 'Get-Service' -ErrorAction SilentlyContinue).Count -eq 0) {
        return
    }
    $service = @(Get-Service -Name 'BFE' -ErrorAction SilentlyContinue)
    if ($service.Count -eq 0 -or [int] $service[0].Status -ne 4) {
        Write-Error -Message 'The Base Filtering Engine (service BFE) is not running.' `
            -ErrorId 'PyWfp.bfe-stopped' -Category ResourceUnavailable -ErrorAction Stop
    }
}
