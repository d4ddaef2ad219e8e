function Get-CimInstance {
    param($OperationTimeoutSec, $ClassName, $Filter)
    $shared = @{
        DisplayName = 'd'; StartName = 'LocalSystem'; StartMode = 'Auto'; State = 'Running'
        ProcessId = [uint32] 8
    }
    $images = [ordered]@{
        Own = '"C:\Own Co\own.exe" -x'; Dll = 'C:\Windows\svchost.exe -k'; Gone = 'C:\gone.sys'
    }
    foreach ($name in @($images.Keys)) {
        New-Object psobject -Property ($shared + @{ Name = $name; PathName = $images[$name] })
    }
}

function Get-ItemProperty {
    [CmdletBinding()]
    param($Path, $LiteralPath, $Name)
    if ($Path -like '*Parameters') {
        return New-Object psobject -Property @{
            PSParentPath = 'A::B\Services\Dll'; ServiceDll = 'C:\d.dll'
        }
    }
    if (($Path -and $env:WFP_BROKEN) -or $LiteralPath -like '*Broken') {
        throw 'Specified cast is not valid.'
    }
    New-Object psobject -Property @{ PSChildName = 'Own'; ServiceSidType = 1; Type = 16 }
    if ($Path) {
        New-Object psobject -Property @{ PSChildName = 'Dll'; Type = 32 }
    }
}

function Get-ChildItem {
    [CmdletBinding()]
    param($LiteralPath)
    foreach ($name in 'Broken', 'Own') {
        New-Object psobject -Property @{ PSChildName = $name }
    }
}
