# Works in Windows PowerShell 5.1 and in PowerShell 7: tests/windows-powershell.Tests.ps1 refuses what only the newer has.

Set-StrictMode -Off

Add-Type -AssemblyName System.Net.Http
if ($PSVersionTable.PSEdition -eq 'Desktop') {
    # Its default may still be TLS 1.0, which no gateway speaks.
    [System.Net.ServicePointManager]::SecurityProtocol = [System.Net.ServicePointManager]::SecurityProtocol -bor [System.Net.SecurityProtocolType]::Tls12
}

$script:ModuleVersion = (Import-PowerShellDataFile -LiteralPath "$PSScriptRoot/Polyvirt.psd1").ModuleVersion
$script:JsonHasDateKind = (Get-Command ConvertFrom-Json).Parameters.ContainsKey('DateKind')

foreach ($folder in 'connection', 'changes', 'commands') {
    foreach ($file in [System.IO.Directory]::GetFiles([System.IO.Path]::Combine($PSScriptRoot, $folder), '*.ps1')) { . $file }
}

foreach ($command in 'Get-PolyvirtCheckpoint', 'Remove-PolyvirtCheckpoint') {
    Set-Alias -Name ($command -replace 'Checkpoint$', 'Snapshot') -Value $command -WhatIf:$false
}
Set-Alias -Name Restore-PolyvirtCheckpoint -Value Restore-PolyvirtVM -WhatIf:$false
Set-Alias -Name Connect-Polyvirt -Value Connect-PolyvirtSession -WhatIf:$false
Set-Alias -Name Disconnect-Polyvirt -Value Disconnect-PolyvirtSession -WhatIf:$false

Register-LiveNames
