function Get-PyWfpService {
    <#
    .SYNOPSIS
        Gives every service: account, SID type, process, image and service DLL.
    #>
    [CmdletBinding()]
    param()

    # Two sweeps over the registry instead of two questions a service. A key that may not be read
    # leaves null, which is "unknown" and not "none".
    $root = 'Registry::HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services'
    $keys = @{}
    foreach ($item in @(Get-ItemProperty -Path "$root\*" -ErrorAction SilentlyContinue)) {
        $keys[$item.PSChildName] = $item
    }
    $libraries = @{}
    foreach ($item in @(Get-ItemProperty -Path "$root\*\Parameters" -Name 'ServiceDll' -ErrorAction SilentlyContinue)) {
        $libraries[@($item.PSParentPath -split '\\')[-1]] = "$($item.ServiceDll)"
    }
    foreach ($service in @(Get-CimInstance -OperationTimeoutSec 20 -ClassName 'Win32_Service')) {
        $row = [ordered]@{
            name = "$($service.Name)"
            display_name = "$($service.DisplayName)"
            account = "$($service.StartName)"
            state = "$($service.State)"
            start = "$($service.StartMode)"
            process_id = Get-PyWfpNumber -Value $service.ProcessId
            image_path = "$($service.PathName)"
            sid_type = $null
            type = $null
            service_dll = $libraries[$service.Name]
        }
        $key = $keys[$service.Name]
        if ($null -ne $key) {
            # 0 none, 1 unrestricted, 3 restricted; a key without the value means none.
            $row['sid_type'] = 0
            foreach ($property in @($key.PSObject.Properties)) {
                if ($property.Name -eq 'ServiceSidType') {
                    $row['sid_type'] = $property.Value
                }
                elseif ($property.Name -eq 'Type') {
                    $row['type'] = $property.Value
                }
            }
        }
        $row
    }
}
