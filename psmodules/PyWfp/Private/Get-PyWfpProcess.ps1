function Get-PyWfpProcess {
    <#
    .SYNOPSIS
        Gives every process with its program; no command lines, since those carry secrets.
    #>
    [CmdletBinding()]
    param()

    foreach ($process in @(Get-CimInstance -OperationTimeoutSec 20 -ClassName 'Win32_Process')) {
        [ordered]@{
            process_id = Get-PyWfpNumber -Value $process.ProcessId
            parent_id = Get-PyWfpNumber -Value $process.ParentProcessId
            session_id = Get-PyWfpNumber -Value $process.SessionId
            name = "$($process.Name)"
            path = $process.ExecutablePath
        }
    }
}
