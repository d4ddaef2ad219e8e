# Objects with the properties of NtObjectManager's, made up. WFP_STAND_IN_FW says what goes wrong.

$way = "$env:WFP_STAND_IN_FW"
if ($way -eq 'import-fails') { throw 'made up: will not load' }
if ($way -eq 'antivirus') { throw (New-Object System.IO.IOException('made up: infected', 0x800700E1)) }
if ($way -eq 'execution-policy') {
    $refused = New-Object System.Management.Automation.PSSecurityException 'made up: not signed'
    throw (New-Object System.Management.Automation.ErrorRecord($refused, 'UnauthorizedAccess', 'SecurityError', $null))
}

function Enum1([int64] $number) { New-Object psobject -Property @{ value__ = $number } }

function Value1([int] $type, $raw) { New-Object psobject -Property @{ Type = (Enum1 $type); Value = $raw } }

function Condition1([string] $field, [int] $match, $value) {
    New-Object psobject -Property @{ FieldKey = [guid] $field; MatchType = (Enum1 $match); Value = $value }
}

function Named1($more) {
    $found = New-Object psobject -Property (@{
            Key = [guid] '11111111-2222-3333-4444-555555555555'; Name = 'n'; Description = ''
            Flags = (Enum1 0); ProviderKey = [guid]::Empty; ProviderData = [byte[]] @()
        } + $more)
    $found | Add-Member -MemberType ScriptMethod -Name GetSecurityDescriptor -Value {
        param($what)
        if ($env:WFP_STAND_IN_FW -eq 'sd-denied') { throw '(0x80070005) - made up' }
        $sd = New-Object psobject
        $sd | Add-Member -MemberType ScriptMethod -Name ToSddl -Value { "O:BAG:BA(A;;GA;;;WD)" } -PassThru
    }
    $found
}

function Ip1([string] $address, [int] $port) {
    New-Object System.Net.IPEndPoint([System.Net.IPAddress]::Parse($address), $port)
}

$one = '00000000-0000-0000-0000-000000000001'
$two = '00000000-0000-0000-0000-000000000002'

function Get-FwEngine {
    if ($way -eq 'bfe-stopped') { throw '(0x800706D9) - Es sind keine Endpunkte verfuegbar.' }
    $engine = New-Object psobject
    $engine | Add-Member -MemberType ScriptMethod -Name Dispose -Value { $env:WFP_STAND_IN_DISPOSED = 'yes' }
    $engine
}

function Get-FwLayer {
    [CmdletBinding()] param($Engine)
    if ($way -eq 'denied') { throw '(0x80070005) - Zugriff verweigert' }
    $field = New-Object psobject -Property @{ Key = [guid] $two; Type = (Enum1 1); DataType = (Enum1 3) }
    Remove1 (Named1 @{ LayerId = 0; DefaultSubLayerKey = [guid] $two; Fields = @($field) }) $one
    Remove1 (Named1 @{ LayerId = 1; DefaultSubLayerKey = [guid] $two; Fields = @() }) $two
}

function Remove1($layer, [string] $key) { $layer.Key = [guid] $key; $layer }

function New-FwFilterTemplate {
    [CmdletBinding()] param($LayerKey, $Flags)
    New-Object psobject -Property @{ LayerKey = $LayerKey; Flags = $Flags }
}

function Get-FwFilter {
    [CmdletBinding()] param($Engine, $Template)
    if ($way -eq 'one-layer-fails' -and $Template -and $Template.LayerKey -eq $two) { throw 'made up: STATUS_INVALID_SID' }
    if ($Template -and @('IncludeBoottime, IncludeDisabled', 'Sorted') -notcontains $Template.Flags) { throw 'flags' }
    $range = New-Object psobject -Property @{ Low = (Value1 2 ([uint16] 1)); High = (Value1 2 ([uint16] 65535)) }
    $mask = New-Object psobject -Property @{ Address = [System.Net.IPAddress]::Parse('10.0.0.0'); Mask = [System.Net.IPAddress]::Parse('255.0.0.0'); PrefixLength = 8 }
    $conditions = @(
        (Condition1 $one 0 (Value1 4 ([uint64]::MaxValue)))
        (Condition1 $one 10 (Value1 7 ([int] -5)))
        (Condition1 $two 5 (Value1 258 $range))
        (Condition1 $two 0 (Value1 12 ([byte[]] @(1, 255))))
        (Condition1 $two 0 (Value1 256 $mask))
        (Condition1 $two 0 (Value1 13 $null))
        (Condition1 $two 0 (Value1 9 'Float'))
        (Condition1 $two 0 (Value1 99 '99'))
    )
    foreach ($key in $one, $two) {
        if ($Template -and $Template.LayerKey -ne $key) { continue }
        $filter = Named1 @{
            FilterId = [uint64] 9223372036854775809; ActionType = (Enum1 4294967295); LayerKey = [guid] $key
            SubLayerKey = [guid] $two; FilterType = [guid]::Empty; CalloutKey = [guid]::Empty
            Weight = (Value1 0 $null); EffectiveWeight = (Value1 4 ([uint64] 7)); Conditions = $conditions
        }
        $filter.Name = "Gr`"\" + [char] 0xfc + [char] 10
        $low = [int64] -2147483648
        $filter.Flags = (Enum1 $low)
        if ($way -eq 'one-filter-fails' -and $key -eq $one) { $filter.Flags = $null }
        $filter
    }
}

function Get-FwSubLayer {
    [CmdletBinding()] param($Engine)
    Named1 @{ Weight = 65535 }
}

function Get-FwProvider {
    [CmdletBinding()] param($Engine)
    Named1 @{ ServiceName = 'MpsSvc' }
}

function Get-FwCallout {
    [CmdletBinding()] param($Engine)
    Named1 @{ ApplicableLayer = [guid] $one; CalloutId = [int] -1 }
}

function Get-FwSession {
    [CmdletBinding()] param($Engine)
    New-Object psobject -Property @{
        SessionKey = [guid] $one; Name = 's'; Description = ''; Flags = (Enum1 1); TxnWaitTimeoutInMSec = -1
        ProcessId = 4; Sid = $null; UserName = "NT AUTHORITY\SYSTEM"; KernelMode = $true
    }
}

function Get-FwAleEndpoint {
    [CmdletBinding()] param($Engine)
    if ($way -eq 'endpoints-denied') { throw '(0x80070005) - made up' }
    New-Object psobject -Property @{
        EndpointId = [uint64] 5; LocalEndpoint = (Ip1 '::1' 80); RemoteEndpoint = (Ip1 '::1' 81); IpProtocol = (Enum1 6)
        LocalTokenModifiedId = (New-Object psobject -Property @{ HighPart = 1; LowPart = [uint32] 2 }); MmSaId = [uint64] 0
        QmSaId = [uint64] 0; IPsecStatus = [uint32] 0; Flags = [uint32] 0; AppId = '\device\x'
    }
}

function Get-FwNetEvent {
    [CmdletBinding()] param($Engine)
    New-Object psobject -Property @{
        Type = (Enum1 3); Flags = (Enum1 1); Timestamp = [DateTime]::SpecifyKind('2026-11-21T10:00:00', 'Utc')
        IPProtocol = (Enum1 132); LocalEndpoint = (Ip1 '10.0.0.1' 1); RemoteEndpoint = (Ip1 '10.0.0.2' 2); ScopeId = [uint32] 0
        AppId = ''; UserId = $null; AddressFamily = (Enum1 0); PackageSid = $null; FilterId = [uint64] 77; IsLoopback = $false
    }
}

function Get-FwEngineOption {
    [CmdletBinding()] param($Engine, $Option)
    if ($Option -eq 'PacketQueuing') { throw 'made up: not here' }
    Value1 3 ([uint32] 1)
}
