function Send-PyWfpText {
    <#
    .SYNOPSIS
        Sends a text as one part, in full and in constrained language.
    .PARAMETER Part
        Name of the part.
    .PARAMETER Content
        Kind of its bytes.
    .PARAMETER Call
        Function that makes it.
    .PARAMETER TakenAt
        UTC time in ISO form.
    .PARAMETER Text
        ASCII text.
    #>
    [CmdletBinding()]
    param([string] $Part, [string] $Content, [string] $Call, [string] $TakenAt, [string] $Text)

    $begin = @{ Part = $Part; Content = $Content; Call = $Call; TakenAt = $TakenAt }
    if (Test-PyWfpFullLanguage) {
        Send-PyWfpBegin @begin -Packing 'gzip+base64'
        $bytes = [System.Text.Encoding]::ASCII.GetBytes($Text)
        Send-PyWfpStream -Part $Part -Stream (New-Object System.IO.MemoryStream(, $bytes))
        return
    }
    # Only a file can be hashed there.
    $folder = New-PyWfpFolder -Run 'text'
    try {
        $path = Join-Path $folder 'text.txt'
        Set-Content -LiteralPath $path -Value $Text -Encoding Ascii -NoNewline
        Send-PyWfpFile @begin -Path $path
    }
    finally {
        Remove-PyWfpFolder -Path $folder
    }
}
