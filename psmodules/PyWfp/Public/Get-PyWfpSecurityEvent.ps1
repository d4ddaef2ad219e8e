function Get-PyWfpSecurityEvent {
    <#
    .SYNOPSIS
        Streams what the Security log says of connections, binds and policy changes, part "events".
    .DESCRIPTION
        Oldest first. Without ids: 5031, 5150 to 5159 and 5440 to 5450. Changes nothing; needs an
        elevated administrator, and audit policy that lets Windows write these events.
    .PARAMETER After
        No older ones: UTC as yyyyMMddTHHmmssfffZ; empty for all.
    .PARAMETER Before
        No younger ones, in the same form.
    .PARAMETER Id
        Event ids, at most 20.
    .PARAMETER MaxCount
        How many events at most; where there may be more, a problem "truncated" says so.
    #>
    [CmdletBinding()]
    param(
        [ValidatePattern('^([0-9]{8}T[0-9]{9}Z)?\z')] [string] $After = '',
        [ValidatePattern('^([0-9]{8}T[0-9]{9}Z)?\z')] [string] $Before = '',
        [ValidatePattern('^(5031|515[0-9]|544[0-9]|5450)\z')] [string[]] $Id = @(),
        [ValidatePattern('^[1-9][0-9]{0,6}\z')] [string] $MaxCount = '100000'
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpSecurityEvent'
    $part = 'events'
    try {
        if ((Test-PyWfpElevated) -eq $false) {
            Write-Error -Message 'The Security log opens for elevated administrators only.' `
                -ErrorId 'PyWfp.not-elevated' -Category PermissionDenied -ErrorAction Stop
        }
        $wanted = '(EventID=5031 or (EventID>=5150 and EventID<=5159) or (EventID>=5440 and EventID<=5450))'
        if ($Id.Count -gt 20) {
            Write-Error -Message 'The log takes 20 ids at most.' -ErrorId 'PyWfp.too-many' -Category InvalidArgument -ErrorAction Stop
        }
        if ($Id.Count -gt 0) {
            $wanted = '(' + (@(foreach ($each in $Id) { "EventID=$each" }) -join ' or ') + ')'
        }
        $path = "*[System[$wanted" + (Get-PyWfpTimeTest -Operator '>=' -Time $After) + (Get-PyWfpTimeTest -Operator '<=' -Time $Before) + ']]'
        Send-PyWfpBegin -Part $part -Content 'security-events' -Call $call -TakenAt ([DateTime]::UtcNow.ToString('o'))
        try {
            Get-WinEvent -LogName 'Security' -FilterXPath $path -Oldest -MaxEvents $MaxCount -ErrorAction Stop | Send-PyWfpEvent -Part $part -MaxCount $MaxCount
        }
        catch {
            if ("$($_.FullyQualifiedErrorId)" -notmatch '^NoMatchingEventsFound') {
                throw
            }
            Send-PyWfpFrame -Text ('{"frame":"end","part":"' + $part + '","frames":0}')
        }
    }
    catch {
        Send-PyWfpProblem -Part $part -Problem $_
        throw
    }
}
