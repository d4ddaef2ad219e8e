function Get-PyWfpOption {
    <#
    .SYNOPSIS
        Sends options and security of the engine as netsh prints them, part "options".
    .DESCRIPTION
        One JSON line a command, with what was printed or the error. Changes nothing; needs an
        elevated administrator.
    .PARAMETER Run
        Name of the run, part of the name of the temporary folder.
    .PARAMETER LimitSeconds
        How long netsh may take.
    .PARAMETER MaxMegabytes
        How large the dump may be.
    #>
    [CmdletBinding()]
    param(
        [ValidatePattern('^[0-9A-Za-z-]{1,40}$')] [string] $Run = 'local',
        [ValidatePattern('^[0-9]{1,4}$')] [string] $LimitSeconds = '120',
        [ValidatePattern('^[0-9]{1,6}$')] [string] $MaxMegabytes = '512'
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpOption'
    $folder = ''
    try {
        Assert-PyWfpReady
        $folder = New-PyWfpFolder -Run $Run
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
                    $line['error'] = [ordered]@{ id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" }
                }
                ConvertTo-PyWfpJson -InputObject $line
            })
        Send-PyWfpText -Part 'options' -Content 'netsh-console' -Call $call -TakenAt $takenAt -Text (($lines -join "`n") + "`n")
    }
    catch {
        Send-PyWfpProblem -Part 'options' -Problem $_
        throw
    }
    finally {
        if ($folder) {
            Remove-PyWfpFolder -Path $folder
        }
    }
}
