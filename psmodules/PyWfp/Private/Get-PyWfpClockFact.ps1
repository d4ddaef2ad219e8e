function Get-PyWfpClockFact {
    <#
    .SYNOPSIS
        Gives the host's time, as UTC and with the local offset.
    #>
    [CmdletBinding()]
    param()

    [ordered]@{
        utc = [DateTime]::UtcNow.ToString('o')
        local = [DateTime]::Now.ToString('o')
    }
}
