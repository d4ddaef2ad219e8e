function Test-Path {
    param($LiteralPath)
    $true
}

function Get-Item {
    param($LiteralPath)
    New-Object psobject -Property @{ Property = @('good', 'bad') }
}

function Get-ItemProperty {
    param($LiteralPath, $Name)
    if ($env:WFP_BROKEN -and $Name -ne 'good') {
        throw 'Specified cast is not valid.'
    }
    New-Object psobject -Property @{
        PSPath = 'x'; good = -1; text = 'a'; bytes = [byte[]] @(1, 255); list = @('b')
    }
}
