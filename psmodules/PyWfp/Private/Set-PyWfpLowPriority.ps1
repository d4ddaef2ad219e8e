function Set-PyWfpLowPriority {
    <#
    .SYNOPSIS
        Puts a process below normal priority.
    .PARAMETER Process
        The process. That it has just ended is no error.
    #>
    [CmdletBinding()]
    param([object] $Process)

    try {
        if (Test-PyWfpFullLanguage) {
            $Process.PriorityClass = [System.Diagnostics.ProcessPriorityClass]::BelowNormal
        }
        else {
            $query = "SELECT * FROM Win32_Process WHERE ProcessId = $($Process.Id)"
            $null = Invoke-CimMethod -Query $query -MethodName SetPriority -Arguments @{ Priority = [uint32] 16384 }
        }
    }
    catch {
        # It works all the same, only less gently.
        $null = $_
    }
}
