function Send-PyWfpHostFact {
    <#
    .SYNOPSIS
        Sends the host facts, part "facts".
    .PARAMETER Call
        Function that sends them.
    #>
    [CmdletBinding()]
    param([string] $Call)

    $takenAt = [DateTime]::UtcNow.ToString('o')
    $json = ConvertTo-PyWfpJson -InputObject (Get-PyWfpFact)
    Send-PyWfpText -Part 'facts' -Content 'host-facts' -Call $Call -TakenAt $takenAt -Text $json
}
