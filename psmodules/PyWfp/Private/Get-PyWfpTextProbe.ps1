function Get-PyWfpTextProbe {
    <#
    .SYNOPSIS
        Gives how files are written, read and hashed here.
    .PARAMETER Run
        Name of the run.
    #>
    [CmdletBinding()]
    param([string] $Run)

    $folder = New-PyWfpFolder -Run $Run
    try {
        $path = Join-Path $folder 'a b.txt'
        Set-Content -LiteralPath $path -Value "abc`ndef`n" -Encoding Ascii -NoNewline
        $lines = @(Get-Content -LiteralPath $path)
        [ordered]@{
            bytes = (Get-Item -LiteralPath $path -Force).Length
            sha256 = (Get-FileHash -LiteralPath $path -Algorithm SHA256).Hash.ToLowerInvariant()
            lines = @(foreach ($line in $lines) { "$line" })
            whole = "$(Get-Content -LiteralPath $path -Raw -Encoding UTF8)"
            hung_on = @($lines[0].PSObject.Properties).Count
        }
    }
    finally {
        Remove-PyWfpFolder -Path $folder
    }
}
