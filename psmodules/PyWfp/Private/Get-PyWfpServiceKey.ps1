function Get-PyWfpServiceKey {
    <#
    .SYNOPSIS
        Gives the registry values of every service that may be read, one object a service.
    .PARAMETER Root
        The key with all services.
    #>
    [CmdletBinding()]
    param([string] $Root)

    try {
        # One sweep instead of a question a service.
        $items = @(Get-ItemProperty -Path "$Root\*" -ErrorAction SilentlyContinue)
    }
    catch {
        # One value whose bytes do not fit its type ends the sweep: it costs only its own key.
        $items = @(foreach ($key in @(Get-ChildItem -LiteralPath $Root -ErrorAction SilentlyContinue)) {
                try {
                    Get-ItemProperty -LiteralPath "$Root\$($key.PSChildName)"
                }
                catch {
                    $null = $_
                }
            })
    }
    $items
}
