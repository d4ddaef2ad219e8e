function Test-PyWfpFullLanguage {
    <#
    .SYNOPSIS
        Tells whether .NET types may be used here.
    #>
    [CmdletBinding()]
    param()

    "$($ExecutionContext.SessionState.LanguageMode)" -eq 'FullLanguage'
}
