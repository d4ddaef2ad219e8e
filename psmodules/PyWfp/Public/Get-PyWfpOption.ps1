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
        [ValidatePattern('^[0-9A-Za-z-]{1,40}\z')] [string] $Run = 'local',
        [ValidatePattern('^[0-9]{1,4}\z')] [string] $LimitSeconds = '120',
        [ValidatePattern('^[0-9]{1,6}\z')] [string] $MaxMegabytes = '512'
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpOption'
    try {
        Assert-PyWfpReady
        Send-PyWfpOption -Call $call -Run $Run -LimitSeconds $LimitSeconds -MaxMegabytes $MaxMegabytes
    }
    catch {
        Send-PyWfpProblem -Part 'options' -Problem $_
        throw
    }
}
