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
        [ValidatePattern('^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\z')] [string[]] $LayerKey = @(),
        [ValidateSet('true', 'false')] [string] $WithSecurityDescriptor = 'false'
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'

    $call = 'Get-PyWfpRecord'
    $seen = @{ newest = @() }
    try {
        Send-PyWfpHostFact -Call $call
        Assert-PyWfpReady
        $swept = @(Clear-PyWfpFolder)
        Send-PyWfpRecord -Call $call -Kind $Kind -LayerKey $LayerKey -Descriptor ($WithSecurityDescriptor -eq 'true') -Seen $seen
        Send-PyWfpAfter -Call $call -Swept $swept -NewestFilter $seen['newest']
    }
    catch {
        Send-PyWfpProblem -Part 'records' -Problem $_
        throw
    }
}
