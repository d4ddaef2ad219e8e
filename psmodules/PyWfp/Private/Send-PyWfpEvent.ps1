function Send-PyWfpEvent {
    <#
    .SYNOPSIS
        Sends events as they come out of the pipeline, and the end of their part.
    .PARAMETER InputObject
        An event of the log.
    .PARAMETER Part
        Name of the part.
    .PARAMETER MaxCount
        How many events were asked for at most.
    #>
    [CmdletBinding()]
    param([Parameter(ValueFromPipeline = $true)] [object] $InputObject, [string] $Part, [int] $MaxCount)

    begin {
        $head = '{"frame":"records","part":"' + $Part + '","n":'
        $batch = @()
        $size = 0
        $frames = 0
        $count = 0
    }
    process {
        $text = Get-PyWfpEventText -InputObject $InputObject
        if ($size + $text.Length -gt 31000) {
            Send-PyWfpFrame -Text ($head + $frames + ',"records":[' + ($batch -join ',') + ']}')
            $frames += 1
            $batch = @()
            $size = 0
        }
        $batch += $text
        $size += $text.Length + 1
        $count += 1
    }
    end {
        if ($batch.Count -gt 0) {
            Send-PyWfpFrame -Text ($head + $frames + ',"records":[' + ($batch -join ',') + ']}')
            $frames += 1
        }
        if ($count -ge $MaxCount) {
            $problem = [ordered]@{ frame = 'problem'; part = $Part; code = 'truncated'; text = "There may be more than $count events." }
            Send-PyWfpFrame -Text (ConvertTo-PyWfpJson -InputObject $problem)
        }
        Send-PyWfpFrame -Text ('{"frame":"end","part":"' + $Part + '","frames":' + $frames + '}')
    }
}
