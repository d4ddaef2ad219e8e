function Get-PyWfpFact {
    <#
    .SYNOPSIS
        Gives all host facts; each on its own try, what failed is named under "unknown".
    #>
    [CmdletBinding()]
    param()

    $single = [ordered]@{
        os = { Get-PyWfpSystemFact }
        domain = { Get-PyWfpDomainFact }
        account = { Get-PyWfpAccountFact }
        bfe = { Get-PyWfpEngineFact }
        net_event_options = {
            Get-PyWfpRegistryValue -Key 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\BFE\Parameters\Policy\Options'
        }
        install_language = {
            (Get-PyWfpRegistryValue -Key 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Nls\Language')['InstallLanguage']
        }
    }
    $several = [ordered]@{
        ntobjectmanager = { Get-PyWfpModuleFact }
        interfaces = { Get-PyWfpInterface }
        volumes = { Get-PyWfpVolume }
    }
    $fact = [ordered]@{
        v = 1
        computer = "$env:COMPUTERNAME"
        clock = Get-PyWfpClockFact
        powershell = [ordered]@{
            version = "$($PSVersionTable.PSVersion)"
            edition = "$($PSVersionTable.PSEdition)"
            language_mode = "$($ExecutionContext.SessionState.LanguageMode)"
        }
        culture = "$((Get-Culture).Name)"
        ui_culture = "$((Get-UICulture).Name)"
    }
    $took = [ordered]@{}
    $unknown = @(foreach ($name in @($single.Keys) + @($several.Keys)) {
            $began = Get-PyWfpTick
            $fact[$name] = $null
            try {
                if (@($single.Keys) -contains $name) {
                    $fact[$name] = & $single[$name]
                }
                else {
                    $fact[$name] = @(& $several[$name])
                }
            }
            catch {
                [ordered]@{ fact = $name; id = "$($_.FullyQualifiedErrorId)"; text = "$($_.Exception.Message)" }
            }
            $took[$name] = (Get-PyWfpTick) - $began
        })
    $fact['unknown'] = $unknown
    $fact['step_ms'] = $took
    $fact
}
