function Remove-PyWfpFolder {
    <#
    .SYNOPSIS
        Removes a folder of ours with the files in it; what cannot be removed is swept later.
    .PARAMETER Path
        The folder. Folders in it are none of ours and are left, and so is a link.
    #>
    [CmdletBinding()]
    param([string] $Path)

    # A program that was just stopped may hold its file for a moment.
    for ($try = 0; $try -lt 10; $try += 1) {
        try {
            $folder = Get-Item -LiteralPath $Path -Force
            if ("$($folder.Attributes)" -match 'ReparsePoint') {
                return
            }
            foreach ($file in @(Get-ChildItem -LiteralPath $Path -File -Force)) {
                Remove-Item -LiteralPath $file.FullName -Force
            }
            if (@(Get-ChildItem -LiteralPath $Path -Force).Count -eq 0) {
                Remove-Item -LiteralPath $Path -Force
            }
            return
        }
        catch {
            if (-not (Test-Path -LiteralPath $Path)) {
                return
            }
            Start-Sleep -Milliseconds 100
        }
    }
}
