function Send-PyWfpBegin {
    <#
    .SYNOPSIS
        Opens a part.
    .PARAMETER Part
        Name of the part.
    .PARAMETER Content
        Kind of its bytes.
    .PARAMETER Call
        Function that makes it.
    .PARAMETER TakenAt
        UTC time in ISO form.
    .PARAMETER Packing
        How it is carried; empty for records.
    #>
    [CmdletBinding()]
    param([string] $Part, [string] $Content, [string] $Call, [string] $TakenAt, [string] $Packing)

    $frame = [ordered]@{
        frame = 'begin'; v = 1; part = $Part; call = $Call; content = $Content
    }
    if ($Packing) {
        $frame['packing'] = $Packing
    }
    $frame['taken_at'] = $TakenAt
    Send-PyWfpFrame -Text (ConvertTo-PyWfpJson -InputObject $frame)
}
