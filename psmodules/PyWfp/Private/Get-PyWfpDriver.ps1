function Get-PyWfpDriver {
    <#
    .SYNOPSIS
        Gives every running driver with path, company and version, and who signed a foreign one.
    #>
    [CmdletBinding()]
    param()

    $began = [DateTime]::UtcNow
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
        if ($path -and (Test-Path -LiteralPath $path)) {
            $about = (Get-Item -LiteralPath $path -Force).VersionInfo
            $row['company'] = $about.CompanyName
            $row['version'] = $about.FileVersion
            # A signature takes tens of milliseconds: those of the system's own drivers are not asked.
            $spent = ([DateTime]::UtcNow - $began).TotalSeconds
            if ($about.CompanyName -ne 'Microsoft Corporation' -and $spent -lt 3) {
                $signature = Get-AuthenticodeSignature -LiteralPath $path
                if ($null -ne $signature.SignerCertificate) {
                    $row['signer'] = $signature.SignerCertificate.Subject
                    $row['signature_status'] = [int] $signature.Status
                }
            }
        }
        $row
    }
}
