function Get-PyWfpWinHttp {
    <#
    .SYNOPSIS
        Gives flags, proxy and bypass list of WinHTTP; null what cannot be read out of the bytes.
    .PARAMETER Data
        The registry value WinHttpSettings.
    #>
    [CmdletBinding()]
    param([byte[]] $Data)

    $found = [ordered]@{ WinHttpFlags = $null; WinHttpProxy = $null; WinHttpBypass = $null }
    # Four bytes each: version, counter, flags; then two texts in ASCII, each after its length.
    $numbers = @(foreach ($byte in $Data) { [long] $byte })
    if ($numbers.Count -lt 12) {
        return $found
    }
    $found['WinHttpFlags'] = $numbers[8] + 256 * $numbers[9] + 65536 * $numbers[10] + 16777216 * $numbers[11]
    $at = 12
    foreach ($name in 'WinHttpProxy', 'WinHttpBypass') {
        if ($at + 4 -gt $numbers.Count) {
            break
        }
        $length = $numbers[$at] + 256 * $numbers[$at + 1] + 65536 * $numbers[$at + 2] + 16777216 * $numbers[$at + 3]
        $at += 4
        if ($at + $length -gt $numbers.Count) {
            break
        }
        $text = ''
        for ($stop = $at + $length; $at -lt $stop; $at += 1) {
            $text += [char] [int] $numbers[$at]
        }
        $found[$name] = Hide-PyWfpAccount -Text $text
    }
    $found
}
