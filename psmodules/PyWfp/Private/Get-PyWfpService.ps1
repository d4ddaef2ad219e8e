function Get-PyWfpService {
    <#
    .SYNOPSIS
        Gives every service: account, SID type, process, image, service DLL, and the company of what
        runs.
    #>
    [CmdletBinding()]
    param()

    $root = 'Registry::HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services'
    $keys = @{}
    foreach ($item in @(Get-PyWfpServiceKey -Root $root)) {
        $keys[$item.PSChildName] = $item
    }
    $libraries = @{}
    try {
        foreach ($item in @(Get-ItemProperty -Path "$root\*\Parameters" -Name 'ServiceDll' -ErrorAction SilentlyContinue)) {
            $libraries[@($item.PSParentPath -split '\\')[-1]] = "$($item.ServiceDll)"
        }
    }
    catch {
        # What was found before it stands.
        $null = $_
    }
    $companies = @{}
    $began = Get-PyWfpTick
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
            service_dll = $libraries["$($service.Name)"]
            company = $null
        }
        # A key that may not be read leaves null, which is "unknown" and not "none".
        $key = $keys["$($service.Name)"]
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
                elseif ($property.Name -eq 'ServiceDll' -and -not $row['service_dll']) {
                    $row['service_dll'] = "$($property.Value)"
                }
            }
        }
        $image = "$($row['service_dll'])"
        if (-not $image -and $row['image_path'] -match '^\s*(?:"([^"]+)"|(.+?\.exe)(?=\s|$)|(\S+))') {
            $image = "$($Matches[1])$($Matches[2])$($Matches[3])"
        }
        if ($image) {
            # Many services share a file. Where the disk is slow the rest is left unknown.
            if (-not $companies.ContainsKey($image) -and (Get-PyWfpTick) - $began -lt 2000) {
                $companies[$image] = Get-PyWfpCompany -Path $image
            }
            $row['company'] = $companies[$image]
        }
        $row
    }
}
