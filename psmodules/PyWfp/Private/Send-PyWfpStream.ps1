function Send-PyWfpStream {
    <#
    .SYNOPSIS
        Sends the data and the end of a part: gzip, base64, hash, in fixed memory. Full language.
    .PARAMETER Part
        Name of the part.
    .PARAMETER Stream
        What to send, from where it stands.
    #>
    [CmdletBinding()]
    param([string] $Part, [object] $Stream)

    $size = 22500
    # The managed class of .NET Framework is refused where FIPS is enforced.
    if ("$($PSVersionTable.PSEdition)" -eq 'Core') {
        $hash = [System.Security.Cryptography.SHA256]::Create()
    }
    else {
        $hash = New-Object System.Security.Cryptography.SHA256CryptoServiceProvider
    }
    $packed = New-Object System.IO.MemoryStream
    $gzip = New-Object System.IO.Compression.GZipStream($packed, [System.IO.Compression.CompressionMode]::Compress, $true)
    $buffer = New-Object byte[] 262144
    $plain = [long] 0
    $frames = 0
    $more = $true
    while ($more) {
        $got = $Stream.Read($buffer, 0, $buffer.Length)
        if ($got -gt 0) {
            $plain += $got
            [void] $gzip.Write($buffer, 0, $got)
        }
        else {
            $more = $false
            [void] $gzip.Close()
            if ($plain -eq 0) {
                # .NET Framework writes nothing for nothing; this is what gzip makes of it.
                $bytes = [byte[]] @(31, 139, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
                [void] $packed.SetLength(0)
                [void] $packed.Write($bytes, 0, $bytes.Length)
            }
        }
        $bytes = $packed.ToArray()
        $at = 0
        while ($bytes.Length - $at -ge $size -or (-not $more -and $at -lt $bytes.Length)) {
            $count = [Math]::Min($size, $bytes.Length - $at)
            [void] $hash.TransformBlock($bytes, $at, $count, $null, 0)
            $text = [System.Convert]::ToBase64String($bytes, $at, $count)
            Send-PyWfpFrame -Text ('{"frame":"data","part":"' + $Part + '","n":' + $frames + ',"text":"' + $text + '"}')
            $frames += 1
            $at += $count
        }
        if ($at -gt 0) {
            [void] $packed.SetLength(0)
            [void] $packed.Write($bytes, $at, $bytes.Length - $at)
        }
    }
    [void] $hash.TransformFinalBlock($buffer, 0, 0)
    $digest = [System.BitConverter]::ToString($hash.Hash).Replace('-', '').ToLowerInvariant()
    $end = [ordered]@{
        frame = 'end'; part = $Part; frames = $frames; plain = $plain; hash_of = 'packed'; sha256 = $digest
    }
    Send-PyWfpFrame -Text (ConvertTo-PyWfpJson -InputObject $end)
}
