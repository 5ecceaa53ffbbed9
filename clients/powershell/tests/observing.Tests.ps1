Describe 'What can be seen' {
    BeforeAll {
        . "$PSScriptRoot/stack.ps1"
        $script:vm = New-TestVM -Start
    }

    It 'are events since a cursor, and those that come' {
        $events = @(Get-PolyvirtEvent -Since 0 -Type vm.created, vm.started -VmId $vm.id)
        $events.type | Should -Be 'vm.created', 'vm.started'
        $events[0].time | Should -BeOfType datetime
        $null = Suspend-PolyvirtVM $vm.name -Pause
        $next = $vm | Get-PolyvirtEvent -Since $events[-1].cursor -Type vm.paused -Follow -First 1
        $next.subject | Should -Be $vm.id
        $null = Resume-PolyvirtVM $vm.name
    }

    It 'are readings of VMs, the last and the recent ones' {
        $next = Get-PolyvirtEvent -Follow -Type 'vm.*' -VmId $vm.id -First 1 -Since 0
        $next | Should -Not -BeNullOrEmpty
        $reading = $null
        while ($null -eq $reading) { $reading = Get-PolyvirtMetric $vm.name -ErrorAction SilentlyContinue }
        $reading.vmId | Should -Be $vm.id
        $reading.observedAt | Should -BeOfType datetime
        $history = $vm | Get-PolyvirtMetric -Recent -StepSeconds 5
        $history.vmId | Should -Be $vm.id
        (Get-PolyvirtMetric $vm.name -From (Get-Date).AddHours(-1)).stepSeconds | Should -BeGreaterThan 0
    }

    It 'are guests, definitions and tickets of consoles' {
        (Get-PolyvirtDefinition $vm.name).text | Should -Not -BeNullOrEmpty
        (Get-PolyvirtGuest $vm.name).PSObject.Properties.Name | Should -Contain 'agent'
        (Request-PolyvirtConsole $vm.name).url | Should -BeLike 'ws://127.0.0.1:*'
    }

    It 'are hosts with what they offer' {
        (Get-PolyvirtHost).id | Should -Be 'lab-ahv', 'lab-kvm'
        (Get-PolyvirtHost 'lab-a*' -Hypervisor nutanix).id | Should -Be 'lab-ahv'
        (Get-PolyvirtImage lab-kvm tiny-linux).hostId | Should -Be 'lab-kvm'
        (Get-PolyvirtHost | Get-PolyvirtNetwork -Name default).hostId | Should -Be 'lab-ahv', 'lab-kvm'
        { Get-PolyvirtTemplate -ErrorAction Stop } | Should -Not -Throw
        (Get-PolyvirtProvider).host | Should -Be 'lab-ahv', 'lab-kvm'
        (Get-PolyvirtSummary -HostId lab-kvm).vms.total | Should -BeGreaterThan 0
        { Get-PolyvirtHost nowhere -ErrorAction Stop } | Should -Throw
    }

    It 'are hosts that are added, drained and removed' {
        $id = (Get-FreshName).ToLowerInvariant()
        $made = New-PolyvirtHost $id -Hypervisor kvm
        $made.command | Should -BeLike "polyvirt-agent join * --token $($made.token)*"
        (Get-PolyvirtHost $id).state | Should -Be 'joining'
        (Reset-PolyvirtHostKey $id).token | Should -Not -Be $made.token
        (Suspend-PolyvirtHost $id).drain.by | Should -Be 'admin'
        (Resume-PolyvirtHost $id).PSObject.Properties.Name | Should -Not -Contain 'drain'
        Get-PolyvirtHost $id | Remove-PolyvirtHost -Confirm:$false
        (Get-PolyvirtHost).id | Should -Not -Contain $id
    }

    It 'are archives, whose files are saved where PowerShell is' {
        $archive = $null
        while ($null -eq $archive) { $archive = $vm | Get-PolyvirtArchive -ErrorAction SilentlyContinue }
        $archive.folder | Should -BeLike "*_$($vm.name)"
        (Get-PolyvirtArchive -Search $vm.name).vmId | Should -Be $vm.id
        Push-Location $TestDrive
        $file = Save-PolyvirtArchiveFile $vm.id README.md
        $file.FullName | Should -Be (Join-Path (Get-Item $TestDrive).FullName 'README.md')
        Get-Content -Raw $file | Should -Match ([regex]::Escape($vm.name))
        { Save-PolyvirtArchiveFile $vm.id README.md -ErrorAction Stop } | Should -Throw '*-Force*'
        { Save-PolyvirtArchiveFile $vm.id README.md -Force -ErrorAction Stop } | Should -Not -Throw
        Pop-Location
    }

    It 'are the audit, its file and its proof' {
        (Get-PolyvirtAudit -Action vm.resume -Target $vm.id -First 1).actor | Should -Be 'admin'
        (Test-PolyvirtAudit).intact | Should -BeTrue
        $file = Export-PolyvirtAudit (Join-Path $TestDrive 'audit.ndjson') -Action vm.create
        (Get-Content $file.FullName | Select-Object -First 1 | ConvertFrom-Json).action | Should -Be 'vm.create'
    }

    It 'are programs that read the bus, and preferences' {
        $made = New-PolyvirtSubscriber (Get-FreshName)
        (Get-PolyvirtSubscriber $made.id).name | Should -Be $made.name
        $made | Remove-PolyvirtSubscriber -Confirm:$false
        (Get-PolyvirtSubscriber).id | Should -Not -Contain $made.id
        (Set-PolyvirtPreference @{ language = 'fr' }).language | Should -Be 'fr'
        (Get-PolyvirtPreference).language | Should -Be 'fr'
        { Remove-PolyvirtLogin -Others -Confirm:$false -ErrorAction Stop } | Should -Not -Throw
        @(Get-PolyvirtLogin).current | Should -Contain $true
        (Get-PolyvirtLogin -Username admin).id | Should -Be (Get-PolyvirtLogin).id
        { Remove-PolyvirtLogin -Username nobody-is-called-so -Confirm:$false -ErrorAction Stop } | Should -Throw '*nobody-is-called-so*'
    }

    It 'is anything else that the API has' {
        (Invoke-PolyvirtApi "/api/v1/vms?name=$($vm.name)").items.id | Should -Be $vm.id
        (Invoke-PolyvirtApi "/api/v1/vms/$($vm.id)/pause?dryRun=true" -Method POST -Body '{}').disruption | Should -Not -BeNullOrEmpty
        Invoke-PolyvirtApi /metrics | Should -Match '# HELP'
        { Invoke-PolyvirtApi /api/v1/nothing } | Should -Throw '*route-not-found*'
    }

    It 'is completed by tab, quoted where it has to be' {
        $odd = New-TestVM "it's $(Get-FreshName)"
        $complete = { param($Line) (TabExpansion2 $Line $Line.Length).CompletionMatches.CompletionText }
        & $complete "Start-PolyvirtVM $($vm.name.Substring(0, 8))" | Should -Contain $vm.name
        & $complete 'Stop-PolyvirtVM it' | Should -Contain ("'" + $odd.name.Replace("'", "''") + "'")
        & $complete 'New-PolyvirtVM x -HostId lab-' | Should -Be 'lab-ahv', 'lab-kvm'
        & $complete 'New-PolyvirtVM x -HostId lab-kvm -Image tiny-l' | Should -Be 'tiny-linux'
        & $complete 'New-PolyvirtVM x -HostId lab-kvm -Network def' | Should -Be 'default'
        & $complete "Get-PolyvirtVM -Id $($vm.id.Substring(0, 12))" | Should -Contain $vm.id
        $null = Checkpoint-PolyvirtVM $vm.name 'one'
        & $complete "Restore-PolyvirtVM $($vm.name) -Checkpoint o" | Should -Be 'one'
        & $complete 'Get-PolyvirtUser adm' | Should -Be 'admin'
    }

    It 'completes nothing, and asks nothing, where nobody is connected' {
        Set-Location $TestDrive
        InModuleScope Polyvirt { $script:Session = $null; $script:CompletionCache.Clear() }
        (TabExpansion2 'Start-PolyvirtVM vm' 19).CompletionMatches.CompletionText | Should -Not -Contain $vm.name
        Set-Location -LiteralPath $Stack.folder
    }

    It 'knows for every parameter with live names that there is one' {
        InModuleScope Polyvirt {
            foreach ($key in $script:KindOfParameter.Keys) {
                $command, $parameter = $key -split ' -'
                (Get-Command $command).Parameters.Keys | Should -Contain $parameter
            }
        }
    }
}
