# Runs the Pester tests for the suite of npm test: says which there are, waits for the stack, and says how each file went.
param([string]$Pester)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
[Console]::OutputEncoding = New-Object System.Text.UTF8Encoding $false
Import-Module $Pester

function Send-Line { param([string]$Kind, $Value) [Console]::Out.WriteLine("##$Kind $(ConvertTo-Json $Value -Depth 10 -Compress)") }

function global:Request-Stack {
    # Asks whoever started this to do something to the stack, and waits until it is done.
    param([hashtable]$Wish)
    [Console]::Out.WriteLine("##wish $(ConvertTo-Json $Wish -Depth 10 -Compress)")
    $answer = [Console]::In.ReadLine() | ConvertFrom-Json
    if ($answer.error) { throw $answer.error }
    $answer
}

function Get-Title {
    # With the values of its case, which Pester puts in only once it has run.
    param($Test)
    $title = @($Test.Path) -join ' '
    if ($Test.Data -is [System.Collections.IDictionary]) {
        foreach ($key in $Test.Data.Keys) { $title = $title.Replace("<$key>", [string]$Test.Data[$key]) }
    } elseif ($null -ne $Test.Data) { $title = $title.Replace('<_>', [string]$Test.Data) }
    $title
}

$files = [object[]](Get-ChildItem -LiteralPath $PSScriptRoot -Filter *.Tests.ps1 | Sort-Object Name)
$look = New-PesterConfiguration
$look.Run.Path = $PSScriptRoot
$look.Run.SkipRun = $true
$look.Run.PassThru = $true
$look.Output.Verbosity = 'None'
$found = Invoke-Pester -Configuration $look
foreach ($container in $found.Containers) {
    if ($container.ErrorRecord) { throw "$($container.Item): $($container.ErrorRecord)" }
}
Send-Line found @($found.Tests | ForEach-Object { @{ file = [System.IO.Path]::GetFileName($_.ScriptBlock.File); name = Get-Title $_ } })

$go = [Console]::In.ReadLine() | ConvertFrom-Json
$global:Stack = $go
foreach ($file in $files) {
    $run = New-PesterConfiguration
    $run.Run.Path = $file.FullName
    $run.Run.PassThru = $true
    $run.Output.Verbosity = 'None'
    $run.Output.StackTraceVerbosity = 'FirstLine'
    $result = Invoke-Pester -Configuration $run
    $errors = @($result.Containers | ForEach-Object { $_.ErrorRecord; $_.Blocks | ForEach-Object { $_.ErrorRecord } } | Where-Object { $_ } | ForEach-Object { "$_" })
    Send-Line ran @{
        file = $file.Name; errors = $errors
        tests = @($result.Tests | ForEach-Object {
                @{
                    name = Get-Title $_; result = $_.Result
                    message = (@($_.ErrorRecord | ForEach-Object { "$($_.DisplayErrorMessage)`n$($_.DisplayStackTrace)" }) -join "`n")
                }
            })
    }
}
