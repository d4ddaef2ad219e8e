function New-Event1 {
    $property = New-Object psobject -Property @{ Value = 7 }
    $made = New-Object psobject -Property @{
        Id = 5157; Version = 1; RecordId = 2; MachineName = 'h'; Properties = @($property)
        TimeCreated = [DateTime]::SpecifyKind('2026-11-21T10:00:00', 'Utc')
    }
    $made | Add-Member -MemberType ScriptMethod -Name ToXml -Value { '<Event' } -PassThru
}
