function Get-CimInstance {
    param($OperationTimeoutSec, $ClassName, $Filter)
    foreach ($path in '\??\C:\gone.sys', 'C:\there.sys') {
        New-Object psobject -Property @{ Name = 'n'; DisplayName = 'd'; PathName = $path }
    }
}

function Get-AuthenticodeSignature {
    param($LiteralPath)
    $certificate = New-Object psobject -Property @{ Subject = 'CN=x' }
    New-Object psobject -Property @{ SignerCertificate = $certificate; Status = 0 }
}
