function Send-PyWfpFile {
    <#
    .SYNOPSIS
        Sends a file as one part, in full and in constrained language.
    .PARAMETER Part
        Name of the part.
    .PARAMETER Content
        Kind of its bytes.
    .PARAMETER Call
        Function that makes it.
    .PARAMETER TakenAt
        UTC time in ISO form.
    .PARAMETER Path
        The file; for constrained language it must be UTF-8.
    #>
    [CmdletBinding()]
    param([string] $Part, [string] $Content, [string] $Call, [string] $TakenAt, [string] $Path)

    $begin = @{ Part = $Part; Content = $Content; Call = $Call; TakenAt = $TakenAt }
    if (-not (Test-PyWfpFullLanguage)) {
        Send-PyWfpBegin @begin -Packing 'text'
        Send-PyWfpPlainFile -Part $Part -Path $Path
        return
    }
    Send-PyWfpBegin @begin -Packing 'gzip+base64'
    $stream = [System.IO.File]::Open($Path, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, [System.IO.FileShare]::ReadWrite)
    try {
        Send-PyWfpStream -Part $Part -Stream $stream
    }
    finally {
        [void] $stream.Close()
    }
}
