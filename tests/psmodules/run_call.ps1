# Runs a script as a session would: in a runspace of its own, output kept when it fails.
param([string] $Script, [string] $Call, [string] $Arguments, [string] $Mode)

$state = [System.Management.Automation.Runspaces.InitialSessionState]::CreateDefault()
$state.LanguageMode = $Mode
$runspace = [System.Management.Automation.Runspaces.RunspaceFactory]::CreateRunspace($state)
$runspace.Open()
$shell = [System.Management.Automation.PowerShell]::Create()
$shell.Runspace = $runspace
[void] $shell.AddScript([System.IO.File]::ReadAllText($Script), $true)
[void] $shell.AddParameter('Call', $Call).AddParameter('Arguments', $Arguments)
$given = New-Object 'System.Management.Automation.PSDataCollection[psobject]'
$given.Complete()
$output = New-Object 'System.Management.Automation.PSDataCollection[psobject]'
$code = 0
try {
    $handle = $shell.BeginInvoke($given, $output)
    [void] $shell.EndInvoke($handle)
}
catch {
    $code = 1
    $cause = $_.Exception
    while ($null -ne $cause -and -not ($cause -is [System.Management.Automation.IContainsErrorRecord] -and
            -not ($cause -is [System.Management.Automation.MethodInvocationException]))) {
        $cause = $cause.InnerException
    }
    if ($null -eq $cause) { $cause = $_.Exception }
    [Console]::Error.WriteLine('ID ' + $cause.ErrorRecord.FullyQualifiedErrorId)
    [Console]::Error.WriteLine("$($_.Exception)")
}
# Whoever reads an open collection may wait for more.
$output.Complete()
foreach ($line in $output) { [Console]::Out.WriteLine("$line") }
$runspace.Close()
exit $code
