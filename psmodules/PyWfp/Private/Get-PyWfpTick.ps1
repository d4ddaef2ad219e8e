function Get-PyWfpTick {
    <#
    .SYNOPSIS
        Gives milliseconds by a clock that nobody sets; in constrained language by the host's clock,
        so that callers must expect jumps.
    #>
    [CmdletBinding()]
    param()

    if (Test-PyWfpFullLanguage) {
        return [long] ([System.Diagnostics.Stopwatch]::GetTimestamp() / [System.Diagnostics.Stopwatch]::Frequency * 1000)
    }
    [long] ([DateTime]::UtcNow.Ticks / 10000)
}
