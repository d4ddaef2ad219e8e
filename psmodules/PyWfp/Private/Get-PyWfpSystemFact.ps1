function Get-PyWfpSystemFact {
    <#
    .SYNOPSIS
        Gives name, build, edition, architecture and boot time of the operating system.
    #>
    [CmdletBinding()]
    param()

    $system = Get-CimInstance -OperationTimeoutSec 10 -ClassName 'Win32_OperatingSystem'
    $key = Get-PyWfpRegistryValue -Key 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    $fact = [ordered]@{
        name = "$($system.Caption)".Trim()
        version = "$($system.Version)"
        architecture = "$env:PROCESSOR_ARCHITECTURE"
        product_type = Get-PyWfpNumber -Value $system.ProductType
        boot_time = $system.LastBootUpTime.ToUniversalTime().ToString('o')
    }
    foreach ($name in 'ProductName', 'CurrentBuild', 'UBR', 'EditionID', 'DisplayVersion', 'ReleaseId', 'InstallationType') {
        $fact[$name] = $key[$name]
    }
    $fact
}
