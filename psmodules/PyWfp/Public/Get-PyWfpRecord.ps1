function Get-PyWfpRecord {
    <#
    .SYNOPSIS
        Sends objects of the filter engine as NtObjectManager gives them, part "records".
    .DESCRIPTION
        One JSON line an object: enums as numbers, GUIDs as text, values by data type. The facts go
        before it, part "facts", and what shows whether the engine was the same all the while after
        it, part "after". Changes nothing; needs NtObjectManager and an elevated administrator.
    .PARAMETER Kind
        What to send.
    .PARAMETER LayerKey
        Send filters of these layers only, GUIDs.
    .PARAMETER WithSecurityDescriptor
        Whether to ask for security descriptors of objects too, "true" or "false".
    #>
    [CmdletBinding()]
    param(
        [ValidateSet('Filter', 'Layer', 'SubLayer', 'Provider', 'Callout', 'Session', 'AleEndpoint', 'NetEvent', 'EngineOption')] [string[]] $Kind = @('Provider', 'SubLayer', 'Layer', 'Callout', 'Filter', 'Session', 'AleEndpoint', 'EngineOption'),
        [ValidatePattern('^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$')] [string[]] $LayerKey = @(),
        [ValidateSet('true', 'false')] [string] $WithSecurityDescriptor = 'false'
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpRecord'
    $engine = $null
    try {
        Send-PyWfpHostFact -Call $call
        Assert-PyWfpReady
        Import-PyWfpNtObjectManager
        $map = Get-PyWfpRecordMap
        try {
            $engine = Get-FwEngine
            $takenAt = [DateTime]::UtcNow.ToString('o')
            $newest = @(Get-PyWfpNewestFilter -Engine $engine)
            $texts = @(foreach ($name in $Kind) {
                    $descriptor = $WithSecurityDescriptor -eq 'true' -and @('Session', 'AleEndpoint', 'NetEvent') -notcontains $name
                    if ($name -eq 'EngineOption') {
                        Get-PyWfpOptionText -Engine $engine
                    }
                    elseif ($name -eq 'Filter') {
                        Get-PyWfpFilterText -Engine $engine -LayerKey $LayerKey -Column $map['Filter'] -Descriptor $descriptor
                    }
                    else {
                        $found = @(Get-PyWfpObject -Engine $engine -Kind $name)
                        Get-PyWfpRecordText -Kind $name -InputObject $found -Column $map[$name] -Descriptor $descriptor
                    }
                })
            $newest += Get-PyWfpNewestFilter -Engine $engine
        }
        catch {
            Assert-PyWfpStatus -Problem $_
            throw
        }
        finally {
            if ($null -ne $engine) {
                [void] $engine.Dispose()
            }
        }
        Send-PyWfpText -Part 'records' -Content 'ntobjectmanager-records' -Call $call -TakenAt $takenAt -Text (-join $texts)
        Send-PyWfpAfter -Call $call -NewestFilter $newest
    }
    catch {
        Send-PyWfpProblem -Part 'records' -Problem $_
        throw
    }
}
