function Test-PyWfpStuck {
    <#
    .SYNOPSIS
        Tells whether netsh took all its time: it would take it again at the next question, and the
        client's patience would end before anybody said why.
    .PARAMETER Problem
        The error record.
    #>
    [CmdletBinding()]
    param([object] $Problem)

    "$($Problem.FullyQualifiedErrorId)" -cmatch '^PyWfp\.(netsh-timeout|busy)'
}
