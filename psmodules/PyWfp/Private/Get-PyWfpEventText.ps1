function Get-PyWfpEventText {
    <#
    .SYNOPSIS
        Gives an event of the log as JSON: data with names, or, in constrained language and where its
        XML cannot be read, values in the event's own order.
    .PARAMETER InputObject
        The event.
    #>
    [CmdletBinding()]
    param([object] $InputObject)

    $record = [ordered]@{
        event_id = [int] $InputObject.Id
        version = $InputObject.Version
        record_id = $InputObject.RecordId
        time = $InputObject.TimeCreated.ToUniversalTime().ToString('o')
        computer = "$($InputObject.MachineName)"
    }
    $named = $null
    if (Test-PyWfpFullLanguage) {
        try {
            $xml = [xml] $InputObject.ToXml()
            $named = @(foreach ($node in @($xml.GetElementsByTagName('Data'))) {
                    [ordered]@{ name = $node.GetAttribute('Name'); text = $node.InnerText }
                })
        }
        catch {
            # It must not cost the events after it.
            $named = $null
        }
    }
    if ($null -ne $named) {
        $record['data'] = $named
    }
    else {
        $record['values'] = @(foreach ($property in @($InputObject.Properties)) { "$($property.Value)" })
    }
    $text = ConvertTo-PyWfpJson -InputObject $record
    if ($text.Length -gt 30000) {
        # It would not fit in a frame. That it was there is told.
        $record['data'] = $null
        $record['values'] = $null
        $record['lost'] = $true
        $text = ConvertTo-PyWfpJson -InputObject $record
    }
    $text
}
