function Get-WinEvent {
    [CmdletBinding()]
    param($LogName, $FilterXPath, [switch] $Oldest, $MaxEvents)
    for ($i = 1; $i -le [int] $env:WFP_EVENTS; $i += 1) {
        $made = New-Object psobject -Property @{
            Id = 5157; Version = 1; RecordId = $i; MachineName = $FilterXPath; Properties = @()
            TimeCreated = [DateTime]::SpecifyKind('2026-11-21T10:00:00', 'Utc')
        }
        $text = '<Data Name="Application">\x&amp;' + [char] 0x540d + '</Data>'
        $xml = '<Event><EventData>' + $text + '</EventData></Event>'
        $made | Add-Member -MemberType ScriptMethod -Name ToXml -Value { $xml }.GetNewClosure()
        $made
    }
    if ($env:WFP_EVENTS -eq '0') {
        Write-Error -Message 'none' -ErrorId 'NoMatchingEventsFound'
    }
}
