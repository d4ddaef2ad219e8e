function Send-PyWfpRecord {
    <#
    .SYNOPSIS
        Sends objects as NtObjectManager gives them, part "records". A kind that cannot be had is a
        gap and a problem; where none can be had the call stops.
    .PARAMETER Call
        Function that sends them.
    .PARAMETER Kind
        What to send.
    .PARAMETER LayerKey
        Send filters of these layers only.
    .PARAMETER Descriptor
        Whether to ask for security descriptors.
    .PARAMETER Seen
        A dictionary that gets the newest filter ids, "newest".
    #>
    [CmdletBinding()]
    param([string] $Call, [string[]] $Kind, [string[]] $LayerKey, [bool] $Descriptor, [hashtable] $Seen)

    $engine = $null
    Import-PyWfpNtObjectManager
    $map = Get-PyWfpRecordMap
    $failed = @()
    try {
        $engine = Get-FwEngine
        $takenAt = [DateTime]::UtcNow.ToString('o')
        $Seen['newest'] = @(Get-PyWfpNewestFilter -Engine $engine)
        $texts = @(foreach ($name in $Kind) {
                try {
                    $wanted = $Descriptor -and @('Session', 'AleEndpoint', 'NetEvent') -notcontains $name
                    if ($name -eq 'EngineOption') {
                        Get-PyWfpOptionText -Engine $engine
                    }
                    elseif ($name -eq 'Filter') {
                        Get-PyWfpFilterText -Engine $engine -LayerKey $LayerKey -Column $map['Filter'] -Descriptor $wanted
                    }
                    else {
                        $found = @(Get-PyWfpObject -Engine $engine -Kind $name)
                        Get-PyWfpRecordText -Kind $name -InputObject $found -Column $map[$name] -Descriptor $wanted
                    }
                }
                catch {
                    $failed += $_
                    $gap = [ordered]@{ kind = 'gap'; of = $name.ToLowerInvariant().Replace('ale', ''); about = 'all'; id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" }
                    (ConvertTo-PyWfpJson -InputObject $gap) + "`n"
                }
            })
        if ($failed.Count -eq $Kind.Count) {
            throw $failed[0]
        }
        $Seen['newest'] += Get-PyWfpNewestFilter -Engine $engine
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
    Send-PyWfpText -Part 'records' -Content 'ntobjectmanager-records' -Call $Call -TakenAt $takenAt -Text (-join $texts)
    if ($failed.Count -gt 0) {
        try {
            Write-Error -Message "$($failed.Count) of $($Kind.Count) kinds could not be had: $($failed[0].Exception.Message)" `
                -ErrorId 'PyWfp.partly-refused' -Category PermissionDenied -ErrorAction Stop
        }
        catch {
            Send-PyWfpProblem -Part 'records' -Problem $_
        }
    }
}
