function Get-PyWfpDriver {
    <#
    .SYNOPSIS
        Gives every running driver with path, company and version, and who signed a foreign one.
    #>
    [CmdletBinding()]
    param()

    $began = Get-PyWfpTick
    foreach ($driver in @(Get-CimInstance -OperationTimeoutSec 20 -ClassName 'Win32_SystemDriver' -Filter "State = 'Running'")) {
        # \??\C:\x.sys, \SystemRoot\x.sys, system32\x.sys and C:\x.sys are all in use.
        $path = "$($driver.PathName)" -replace '^\\\?\?\\', ''
        $path = $path -replace '^(\\SystemRoot\\|%SystemRoot%\\|(?=system32\\))', ($env:SystemRoot + '\')
        $row = [ordered]@{
            name = "$($driver.Name)"
            display_name = "$($driver.DisplayName)"
            path = $path
            company = $null
            version = $null
            signer = $null
        }
        try {
            $about = (Get-Item -LiteralPath $path -Force).VersionInfo
            $row['company'] = $about.CompanyName
            $row['version'] = $about.FileVersion
            # A signature takes tens of milliseconds: those of the system's own drivers are not asked.
            if ($about.CompanyName -ne 'Microsoft Corporation' -and (Get-PyWfpTick) - $began -lt 3000) {
                $signature = Get-AuthenticodeSignature -LiteralPath $path
                if ($null -ne $signature.SignerCertificate) {
                    $row['signer'] = $signature.SignerCertificate.Subject
                    $row['signature_status'] = [int] $signature.Status
                }
            }
        }
        catch {
            # Its file cannot be read, or has no version: what is not known stays null.
            $null = $_
        }
        $row
    }
}
