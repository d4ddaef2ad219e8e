@{
    RootModule = 'PyWfp.psm1'
    ModuleVersion = '0.1.0'
    GUID = '6f6a1c1e-5d0b-4a55-9d57-0f6c2f0a7b31'
    Author = 'pywfp_ps'
    Description = 'Tells what the Windows Filtering Platform of this host holds, as frames for pywfp_ps.'
    PowerShellVersion = '5.1'
    CompatiblePSEditions = @('Desktop', 'Core')
    FunctionsToExport = @(
        'Get-PyWfpContext'
        'Get-PyWfpFieldTest'
        'Get-PyWfpFilterDump'
        'Get-PyWfpHostFact'
        'Get-PyWfpNetEventDump'
        'Get-PyWfpOption'
        'Get-PyWfpRecord'
        'Get-PyWfpSecurityEvent'
        'Get-PyWfpSnapshot'
        'Get-PyWfpState'
    )
    CmdletsToExport = @()
    VariablesToExport = @()
    AliasesToExport = @()
}
