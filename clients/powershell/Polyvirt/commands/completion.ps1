# Tab completes with the names that there are now.

$script:CompletionCache = @{}
$script:KindOfParameter = @{}

function Get-LiveName {
    # The names of a kind, at most 5 s old. Nothing, where nobody is connected: a completion never asks for a password.
    param([string]$Kind, [hashtable]$Bound)
    $hostId = [string]@($Bound['HostId'])[0]
    $vm = [string]@(if ($Bound['Name']) { $Bound['Name'] } else { $Bound['Id'] })[0]
    $key = "$Kind|$hostId|$vm"
    $known = $script:CompletionCache[$key]
    if ($null -ne $known -and ([datetime]::UtcNow - $known.At).TotalSeconds -lt 5) { return $known.Names }
    $names = @(try {
            $session = Get-Session $Bound['Session']
            switch ($Kind) {
                'vm' { Get-Page $session 'GET /api/v1/vms' | ForEach-Object { $_.name } | Sort-Object -Unique }
                'vmId' { Get-Page $session 'GET /api/v1/vms' | ForEach-Object { $_.id } }
                'host' { Get-Page $session 'GET /api/v1/hosts' | ForEach-Object { $_.id } }
                'user' { Get-Page $session 'GET /api/v1/users' | ForEach-Object { $_.username } }
                'operation' { Get-Page $session 'GET /api/v1/operations' -First 50 | ForEach-Object { $_.id } }
                'checkpoint' {
                    if ($vm) { Get-Page $session 'GET /api/v1/vms/{vmId}/snapshots' @{ vmId = (Resolve-VM $session $vm).Id } | ForEach-Object { $_.name } }
                }
                default {
                    $route = @{
                        image = 'GET /api/v1/hosts/{hostId}/images'; network = 'GET /api/v1/hosts/{hostId}/networks'
                        template = 'GET /api/v1/hosts/{hostId}/templates'
                    }[$Kind]
                    $hosts = if ($hostId) { , $hostId } else { Get-ReadyHostId $session }
                    foreach ($one in $hosts) { Get-Page $session $route @{ hostId = $one } | ForEach-Object { $_.name } }
                }
            }
        } catch { Write-Debug "no completion: $_" })
    $script:CompletionCache[$key] = @{ At = [datetime]::UtcNow; Names = $names }
    $names
}

function Register-LiveNames {
    # Which parameters take which names.
    $vmCommands = @(
        'Get-PolyvirtVM', 'Set-PolyvirtVM', 'Copy-PolyvirtVM', 'Remove-PolyvirtVM', 'Clear-PolyvirtPendingChange', 'Start-PolyvirtVM',
        'Stop-PolyvirtVM', 'Restart-PolyvirtVM', 'Suspend-PolyvirtVM', 'Resume-PolyvirtVM', 'Checkpoint-PolyvirtVM',
        'Restore-PolyvirtVM', 'Get-PolyvirtCheckpoint', 'Remove-PolyvirtCheckpoint', 'Get-PolyvirtMetric', 'Get-PolyvirtGuest',
        'Get-PolyvirtDefinition', 'Request-PolyvirtConsole', 'Add-PolyvirtDisk', 'Resize-PolyvirtDisk', 'Remove-PolyvirtDisk',
        'Add-PolyvirtNic', 'Set-PolyvirtNic', 'Remove-PolyvirtNic', 'Set-PolyvirtCdrom'
    )
    $hostCommands = @(
        'Get-PolyvirtVM', 'New-PolyvirtVM', 'Get-PolyvirtImage', 'Get-PolyvirtNetwork', 'Get-PolyvirtTemplate', 'Get-PolyvirtVolume', 'Get-PolyvirtSummary',
        'Get-PolyvirtOperation', 'Get-PolyvirtEvent', 'New-PolyvirtSubscriber'
    )
    $rows = @(
        @{ Kind = 'vm'; Parameter = 'Name'; Command = $vmCommands }
        @{ Kind = 'vmId'; Parameter = 'Id'; Command = @($vmCommands | Where-Object { $_ -notin 'Restore-PolyvirtVM', 'Remove-PolyvirtCheckpoint' }) }
        @{ Kind = 'vmId'; Parameter = 'VmId'; Command = 'Get-PolyvirtOperation', 'Get-PolyvirtEvent', 'Get-PolyvirtArchive', 'Save-PolyvirtArchiveFile', 'Restore-PolyvirtVM', 'Remove-PolyvirtCheckpoint' }
        @{ Kind = 'host'; Parameter = 'HostId'; Command = $hostCommands }
        @{ Kind = 'host'; Parameter = 'Id'; Command = 'Get-PolyvirtHost', 'Remove-PolyvirtHost', 'Reset-PolyvirtHostKey', 'Suspend-PolyvirtHost', 'Resume-PolyvirtHost' }
        @{ Kind = 'image'; Parameter = 'Image'; Command = 'New-PolyvirtVM', 'Add-PolyvirtDisk', 'Set-PolyvirtCdrom' }
        @{ Kind = 'image'; Parameter = 'Cdrom'; Command = 'New-PolyvirtVM' }
        @{ Kind = 'network'; Parameter = 'Network'; Command = 'New-PolyvirtVM', 'Add-PolyvirtNic', 'Set-PolyvirtNic' }
        @{ Kind = 'template'; Parameter = 'Template'; Command = 'New-PolyvirtVM' }
        @{ Kind = 'checkpoint'; Parameter = 'Checkpoint'; Command = 'Get-PolyvirtCheckpoint', 'Restore-PolyvirtVM', 'Remove-PolyvirtCheckpoint', 'Copy-PolyvirtVM' }
        @{ Kind = 'operation'; Parameter = 'Id'; Command = 'Get-PolyvirtOperation', 'Wait-PolyvirtOperation', 'Stop-PolyvirtOperation', 'Restart-PolyvirtOperation' }
        @{ Kind = 'user'; Parameter = 'Username'; Command = 'Get-PolyvirtUser', 'Set-PolyvirtUser', 'Remove-PolyvirtUser', 'Unlock-PolyvirtUser' }
    )
    $complete = {
        param($CommandName, $ParameterName, $WordToComplete, $CommandAst, $Bound)
        $start = $WordToComplete.Trim("'", '"')
        foreach ($name in (Get-LiveName $script:KindOfParameter["$CommandName -$ParameterName"] $Bound)) {
            if (-not $name.StartsWith($start, [StringComparison]::OrdinalIgnoreCase)) { continue }
            $text = if ($name -match '^[A-Za-z0-9._~-]+$') { $name } else { "'" + $name.Replace("'", "''") + "'" }
            New-Object System.Management.Automation.CompletionResult $text, $name, 'ParameterValue', $name
        }
    }
    foreach ($row in $rows) {
        foreach ($command in $row.Command) { $script:KindOfParameter["$command -$($row.Parameter)"] = $row.Kind }
        Register-ArgumentCompleter -CommandName $row.Command -ParameterName $row.Parameter -ScriptBlock $complete
    }
}
