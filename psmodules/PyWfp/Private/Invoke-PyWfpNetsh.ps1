function Invoke-PyWfpNetsh {
    <#
    .SYNOPSIS
        Lets netsh write a file: one at a time a machine, gently, within limits.
    .PARAMETER Folder
        The folder of this run.
    .PARAMETER Argument
        What netsh shall do, without the file.
    .PARAMETER Path
        The file; a new one in the folder. Empty where netsh only prints, into netsh.out there.
    .PARAMETER LimitSeconds
        How long netsh may take, the wait for another run included.
    .PARAMETER MaxMegabytes
        How large the file may be.
    #>
    [CmdletBinding()]
    param([string] $Folder, [string[]] $Argument, [string] $Path, [int] $LimitSeconds, [int] $MaxMegabytes)

    $waited = Wait-PyWfpTurn -Folder $Folder -LimitSeconds $LimitSeconds
    Assert-PyWfpDisk -Folder $Folder -Megabytes 200
    $arguments = @($Argument)
    if ($Path) {
        $arguments += 'file="' + $Path + '"'
    }
    $start = @{
        FilePath = Find-PyWfpProgram -Name 'netsh'
        ArgumentList = $arguments
        WorkingDirectory = $Folder
        RedirectStandardOutput = Join-Path $Folder 'netsh.out'
        RedirectStandardError = Join-Path $Folder 'netsh.err'
    }
    $wanted = $start['RedirectStandardOutput']
    if ($Path) {
        $wanted = $Path
    }
    $full = Test-PyWfpFullLanguage
    $process = Start-Process @start -NoNewWindow -PassThru
    try {
        # Windows PowerShell knows the exit code only of a process whose handle was asked for.
        $null = $process.Handle
        Set-PyWfpLowPriority -Process $process
        $checked = 0
        while (-not $process.HasExited) {
            $last = Get-PyWfpTick
            if ($waited -ge 1000 * $LimitSeconds) {
                Write-Error -Message "netsh took more than $LimitSeconds s." -ErrorId 'PyWfp.netsh-timeout' `
                    -Category OperationTimeout -ErrorAction Stop
            }
            if ($full) {
                [void] $process.WaitForExit(100)
            }
            else {
                Start-Sleep -Milliseconds 100
            }
            Assert-PyWfpSize -Path $wanted -MaxMegabytes $MaxMegabytes
            if ($waited -ge $checked) {
                Assert-PyWfpDisk -Folder $Folder -Megabytes 100
                $checked = $waited + 1000
            }
            $waited += Get-PyWfpStep -Since $last
        }
    }
    finally {
        if (-not $process.HasExited) {
            Stop-Process -InputObject $process -Force
        }
    }
    if ($full) {
        # Elsewhere than on Windows what it printed may still be on its way into the file.
        [void] $process.WaitForExit()
    }
    Assert-PyWfpSize -Path $wanted -MaxMegabytes $MaxMegabytes
    # What it prints is in the language of the machine: for people only.
    $made = (Test-Path -LiteralPath $wanted) -and (Get-Item -LiteralPath $wanted -Force).Length -gt 0
    if ($process.ExitCode -ne 0 -or -not $made) {
        $said = @(Get-Content -LiteralPath $start['RedirectStandardOutput'] -TotalCount 5) -join ' '
        Write-Error -Message "netsh ended with code $($process.ExitCode): $said" -ErrorId 'PyWfp.netsh-failed' `
            -Category InvalidResult -ErrorAction Stop
    }
}
