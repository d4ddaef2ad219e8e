function Send-PyWfpOption {
    <#
    .SYNOPSIS
        Sends what netsh prints of the engine's options and security, part "options".
    .PARAMETER Call
        Function that sends it.
    .PARAMETER Run
        Name of the run.
    .PARAMETER LimitSeconds
        How long netsh may take.
    .PARAMETER MaxMegabytes
        How much it may print.
    #>
    [CmdletBinding()]
    param([string] $Call, [string] $Run, [int] $LimitSeconds, [int] $MaxMegabytes)

    $folder = New-PyWfpFolder -Run $Run
    try {
        $takenAt = [DateTime]::UtcNow.ToString('o')
        $lines = @(foreach ($words in 'options optionsfor=netevents', 'options optionsfor=keywords', 'options optionsfor=txnwatchdog', 'security type=engine', 'security type=netevents') {
                $line = [ordered]@{ v = 1; command = $words; said = $null; error = $null }
                try {
                    Invoke-PyWfpNetsh -Folder $folder -Argument (@('wfp', 'show') + $words.Split(' ')) -LimitSeconds $LimitSeconds -MaxMegabytes $MaxMegabytes
                    $said = @(Get-Content -LiteralPath (Join-Path $folder 'netsh.out'))
                    # The quotes take off what Get-Content hangs on a text.
                    $line['said'] = @(foreach ($text in $said) { "$text" })
                }
                catch {
                    if (Test-PyWfpStuck -Problem $_) {
                        throw
                    }
                    $line['error'] = [ordered]@{ id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" }
                }
                ConvertTo-PyWfpJson -InputObject $line
            })
        Send-PyWfpText -Part 'options' -Content 'netsh-console' -Call $Call -TakenAt $takenAt -Text (($lines -join "`n") + "`n")
    }
    finally {
        Remove-PyWfpFolder -Path $folder
    }
}
