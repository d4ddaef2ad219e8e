@{
    RootModule = 'NtObjectManager.psm1'
    ModuleVersion = '2.0.1'
    GUID = '2f0a3d35-21a1-4a08-8f3e-0d8a7f4f6a10'
    Description = 'Stands in for NtObjectManager in tests: classes of its shape, values made up.'
    FunctionsToExport = '*'
}
