function Get-PyWfpEngineFact {
    <#
    .SYNOPSIS
        Gives state (4 is running), process and start time of the Base Filtering Engine.
    #>
    [CmdletBinding()]
    param()

    $fact = [ordered]@{
        status = [int] (Get-Service -Name 'BFE').Status
        process_id = $null
        started_at = $null
    }
    $service = Get-CimInstance -OperationTimeoutSec 10 -ClassName 'Win32_Service' -Filter "Name = 'BFE'"
    if ($null -ne $service -and $service.ProcessId -gt 0) {
        $fact['process_id'] = [int] $service.ProcessId
        $began = (Get-Process -Id $service.ProcessId).StartTime
        if ($null -ne $began) {
            $fact['started_at'] = $began.ToUniversalTime().ToString('o')
        }
    }
    $fact
}
