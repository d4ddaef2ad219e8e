function Send-PyWfpAfter {
    <#
    .SYNOPSIS
        Sends what tells whether the engine was the same before and after, part "after".
    .PARAMETER Call
        Function that sends it.
    .PARAMETER Swept
        Folders of dead runs that were removed.
    .PARAMETER NewestFilter
        Newest filter id before and after, as decimal text; empty where it cannot be known.
    #>
    [CmdletBinding()]
    param([string] $Call, [string[]] $Swept = @(), [string[]] $NewestFilter = @())

    $after = [ordered]@{
        v = 1
        bfe = $null
        newest_filter = @($NewestFilter)
        swept = @($Swept)
        unknown = @()
    }
    try {
        $after['bfe'] = Get-PyWfpEngineFact
    }
    catch {
        $after['unknown'] = @([ordered]@{ fact = 'bfe'; id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" })
    }
    $takenAt = [DateTime]::UtcNow.ToString('o')
    Send-PyWfpText -Part 'after' -Content 'after-facts' -Call $Call -TakenAt $takenAt -Text (ConvertTo-PyWfpJson -InputObject $after)
}
