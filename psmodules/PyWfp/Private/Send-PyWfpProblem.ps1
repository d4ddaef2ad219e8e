function Send-PyWfpProblem {
    <#
    .SYNOPSIS
        Sends what went wrong as a frame.
    .PARAMETER Part
        Part that it concerns.
    .PARAMETER Problem
        The error record.
    .PARAMETER About
        What was asked for, where it was one of several things.
    #>
    [CmdletBinding()]
    param([string] $Part, [object] $Problem, [string] $About)

    $id = "$($Problem.FullyQualifiedErrorId)"
    $text = "$($Problem.Exception.Message)"
    $frame = [ordered]@{ frame = 'problem'; part = $Part }
    if ($id -cmatch '^PyWfp\.([a-z][a-z0-9-]{0,40})') {
        $frame['code'] = $Matches[1]
    }
    else {
        $frame['code'] = 'unexpected'
        if ("$($Problem.CategoryInfo.Category)" -eq 'PermissionDenied' -or $id -match 'UnauthorizedAccess') {
            $frame['code'] = 'access-denied'
        }
        $frame['hresult'] = '0x{0:X8}' -f $Problem.Exception.HResult
        $text = $id + ': ' + $text
    }
    if ($About) {
        $text = $About + ': ' + $text
    }
    if ($text.Length -gt 1000) {
        $text = $text.Substring(0, 1000)
    }
    $frame['text'] = $text
    Send-PyWfpFrame -Text (ConvertTo-PyWfpJson -InputObject $frame)
}
