function Get-PyWfpNetshProbe {
    <#
    .SYNOPSIS
        Gives what netsh does when it is asked rightly and wrongly; nothing is changed by it.
    .PARAMETER Run
        Name of the run.
    .PARAMETER LimitSeconds
        How long netsh may take each time.
    .PARAMETER MaxMegabytes
        How large its files may be.
    #>
    [CmdletBinding()]
    param([string] $Run, [int] $LimitSeconds, [int] $MaxMegabytes)

    $folder = New-PyWfpFolder -Run $Run
    try {
        $ports = 'wfp', 'show', 'sysports'
        $cases = [ordered]@{
            right = @{ Argument = $ports; Path = Join-Path $folder 'right.xml' }
            again = @{ Argument = $ports; Path = Join-Path $folder 'right.xml' }
            space = @{ Argument = $ports; Path = Join-Path $folder 'a b.xml' }
            console = @{ Argument = @($ports + 'file=-'); Path = '' }
            boottime = @{ Argument = 'wfp', 'show', 'boottimepolicy'; Path = Join-Path $folder 'boot.xml' }
            window = @{ Argument = 'wfp', 'show', 'netevents', 'timewindow=60'; Path = Join-Path $folder 'window.xml' }
            no_folder = @{ Argument = $ports; Path = Join-Path (Join-Path $folder 'missing') 'x.xml' }
            no_command = @{ Argument = 'wfp', 'show', 'nothing'; Path = '' }
            no_option = @{ Argument = 'wfp', 'show', 'options', 'optionsfor=nothing'; Path = '' }
            no_type = @{ Argument = 'wfp', 'show', 'security', 'type=nothing'; Path = '' }
            many = @{ Argument = $ports; Path = Join-Path $folder 'many.xml' }
            capture = @{ Argument = 'wfp', 'capture', 'status'; Path = '' }
        }
        foreach ($name in @($cases.Keys)) {
            $case = $cases[$name]
            $row = [ordered]@{ case = $name; works = $false; id = $null; text = $null; said = @(); head = @(); bytes = $null }
            try {
                $times = 1
                if ($name -eq 'many') {
                    $times = 20
                }
                for ($time = 0; $time -lt $times; $time += 1) {
                    Invoke-PyWfpNetsh -Folder $folder -LimitSeconds $LimitSeconds -MaxMegabytes $MaxMegabytes @case
                }
                $row['works'] = $true
            }
            catch {
                $row['id'] = "$($_.FullyQualifiedErrorId)"
                $row['text'] = "$($_.Exception.Message)"
            }
            foreach ($made in 'said', 'head') {
                $path = Join-Path $folder 'netsh.out'
                if ($made -eq 'head') {
                    $path = $case['Path']
                }
                if ($path -and (Test-Path -LiteralPath $path)) {
                    $row[$made] = @(foreach ($line in @(Get-Content -LiteralPath $path -TotalCount 3)) { "$line" })
                    if ($made -eq 'head') {
                        $row['bytes'] = (Get-Item -LiteralPath $path -Force).Length
                    }
                }
            }
            $row
        }
    }
    finally {
        Remove-PyWfpFolder -Path $folder
    }
}
