function Get-Item {
    param($LiteralPath, [switch] $Force)
    if ($LiteralPath -eq 'C:\gone.sys') {
        throw 'not there'
    }
    $about = New-Object psobject -Property @{ CompanyName = "of $LiteralPath"; FileVersion = '1.2' }
    New-Object psobject -Property @{ VersionInfo = $about }
}
