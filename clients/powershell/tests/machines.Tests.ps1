Describe 'VMs' {
    BeforeAll { . "$PSScriptRoot/stack.ps1" }

    Context 'created' {
        It 'are what the parameters say' {
            $name = Get-FreshName
            $vm = New-PolyvirtVM $name -HostId lab-kvm -Cpus 2 -MemoryMiB 512 -DiskGiB 3, 4 -Image tiny-linux -Network default -Label @{ env = 'test' } -Notes 'été' -Protected
            $vm.PSObject.TypeNames | Should -Contain 'Polyvirt.VM'
            $vm.name, $vm.host, $vm.cpus, $vm.memoryMiB, $vm.state, $vm.notes, $vm.protected | Should -Be $name, 'lab-kvm', 2, 512, 'stopped', 'été', $true
            $vm.disks.sizeGiB | Should -Be 1, 3, 4
            $vm.nics.network | Should -Be 'default'
            $vm.labels.env | Should -Be 'test'
        }

        It 'are several from a pipeline, and run when asked to' {
            $names = 1..3 | ForEach-Object { Get-FreshName }
            $vms = $names | New-PolyvirtVM -HostId lab-kvm -DiskGiB 1 -Start
            $vms.name | Sort-Object | Should -Be ($names | Sort-Object)
            $vms.state | Should -Be 'running', 'running', 'running'
        }

        It 'keep characters that no code page has' {
            $name = "Zürich `u{6771}`u{4EAC} '$(Get-FreshName)'"
            (New-TestVM $name).name | Should -BeExactly $name
            (Get-PolyvirtVM $name).name | Should -BeExactly $name
            (Start-PolyvirtVM $name).state | Should -Be 'running'
        }

        It 'need a host where there are several, and the error names them' {
            $problem = $null
            New-PolyvirtVM (Get-FreshName) -DiskGiB 1 -ErrorVariable problem -ErrorAction SilentlyContinue
            $problem[0].FullyQualifiedErrorId | Should -Be 'invalid-input,New-PolyvirtVM'
            "$problem" | Should -BeLike '*-HostId*lab-ahv, lab-kvm*'
        }
    }

    Context 'found' {
        BeforeAll { $script:vm = New-TestVM }

        It 'by name, in any case of a pattern, by id, by host and name' {
            (Get-PolyvirtVM $vm.name).id | Should -Be $vm.id
            (Get-PolyvirtVM "$($vm.name.ToUpper().Substring(0, 9))*").id | Should -Contain $vm.id
            (Get-PolyvirtVM -Id $vm.id).name | Should -Be $vm.name
            (Get-PolyvirtVM $vm.id).name | Should -Be $vm.name
            (Start-PolyvirtVM "lab-kvm/$($vm.name)" -WhatIf).target | Should -Be $vm.name
        }

        It 'of a host that is piped in' {
            (Get-PolyvirtHost lab-kvm | Get-PolyvirtVM).id | Should -Contain $vm.id
            (Get-PolyvirtHost lab-ahv | Get-PolyvirtVM).id | Should -Not -Contain $vm.id
        }

        It 'by filters that the gateway knows, and at most so many' {
            (Get-PolyvirtVM -HostId lab-kvm -State stopped -Search $vm.name).id | Should -Be $vm.id
            @(Get-PolyvirtVM -First 1).Count | Should -Be 1
            @(Get-PolyvirtVM -HostId lab-ahv -Search $vm.name).Count | Should -Be 0
        }

        It 'with times that compare with those of this computer, and text that stays text' {
            $vm.createdAt | Should -BeOfType datetime
            [math]::Abs(((Get-Date) - $vm.createdAt).TotalMinutes) | Should -BeLessThan 5
            $marked = Set-PolyvirtVM $vm.name -Notes '2026-01-02T03:04:05Z' -Label @{ since = '2026-01-02T03:04:05Z' }
            $marked.notes | Should -BeExactly '2026-01-02T03:04:05Z'
            $marked.labels.since | Should -BeOfType string
        }

        It 'although labels differ in case alone' {
            $labels = New-Object System.Collections.Hashtable
            $labels['Env'] = 'a'
            $labels['env'] = 'b'
            $other = New-PolyvirtVM (Get-FreshName) -HostId lab-kvm -DiskGiB 1 -Label $labels
            (Get-PolyvirtVM).id | Should -Contain $other.id
            (Get-PolyvirtVM -Id $other.id).labels['Env'] | Should -BeExactly 'a'
        }

        It 'in arrays also where there is one' {
            $vm.disks.GetType().IsArray | Should -BeTrue
            @((Get-PolyvirtVM -Id $vm.id).disks).Count | Should -Be 1
        }

        It 'or not, which is an error with a code, and the next is found' {
            $problem = $null
            $found = Get-PolyvirtVM 'no such VM', $vm.name -ErrorVariable problem -ErrorAction SilentlyContinue
            $found.id | Should -Be $vm.id
            $problem.Count | Should -Be 1
            $problem[0].FullyQualifiedErrorId | Should -Be 'vm-not-found,Get-PolyvirtVM'
            $problem[0].CategoryInfo.Category | Should -Be 'ObjectNotFound'
        }
    }

    Context 'in tables' {
        It 'show units, and a page fits' {
            $vm = New-TestVM
            $shown = $vm | Out-String -Width 120
            $shown | Should -Match 'Name\s+State\s+Host'
            $shown | Should -Match ("1{0}024 MiB" -f (Get-Culture).NumberFormat.NumberGroupSeparator)
            (Get-PolyvirtHost | Out-String -Width 120) | Should -Match 'Simulated'
        }
    }

    Context 'changed' {
        It 'and copied, put back and removed' {
            $vm = New-TestVM
            (Set-PolyvirtVM $vm.name -Cpus 3 -NewName "$($vm.name)-x").cpus | Should -Be 3
            $vm = Get-PolyvirtVM -Id $vm.id
            (Resize-PolyvirtDisk $vm.name -Device vda -SizeGiB 2).disks[0].sizeGiB | Should -Be 2
            $one = Checkpoint-PolyvirtVM $vm.name -CheckpointName one -Description 'before'
            $one.name, $one.description, $one.vmName | Should -Be 'one', 'before', $vm.name
            $null = Set-PolyvirtVM $vm.name -Cpus 1
            (Get-PolyvirtCheckpoint $vm.name | Restore-PolyvirtVM -Confirm:$false).cpus | Should -Be 3
            (Copy-PolyvirtVM $vm.name -NewName "$($vm.name)-copy").name | Should -Be "$($vm.name)-copy"
            $vm | Get-PolyvirtCheckpoint | Remove-PolyvirtCheckpoint -Confirm:$false
            @($vm | Get-PolyvirtCheckpoint).Count | Should -Be 0
            Get-PolyvirtVM "$($vm.name)*" | Remove-PolyvirtVM -Confirm:$false
            @(Get-PolyvirtVM "$($vm.name)*").Count | Should -Be 0
        }

        It 'while they run, wait for the next power-off where they must, and are told of' {
            $vm = New-TestVM -Start
            $warning = $null
            $changed = Set-PolyvirtVM $vm.name -Cpus 2 -WarningVariable warning -WarningAction SilentlyContinue
            $warning | Should -BeLike '*/cpus applies at the next power-off.'
            @($changed.pendingChanges).Count | Should -Be 1
            (Clear-PolyvirtPendingChange $vm.name).pendingChanges | Should -BeNullOrEmpty
        }

        It 'in their disks, interfaces and drives' {
            $vm = New-TestVM
            $vm = Add-PolyvirtDisk $vm.name -SizeGiB 3
            $vm.disks.sizeGiB | Should -Be 1, 3
            $device = $vm.disks[1].device
            (Remove-PolyvirtDisk $vm.name -Device $device).disks.Count | Should -Be 1
            $kept = @(Get-PolyvirtVolume lab-kvm | Where-Object lastVm -eq $vm.nativeId)
            $kept.sizeGiB | Should -Be 3
            (Add-PolyvirtDisk $vm.name -Volume $kept.id).disks.Count | Should -Be 2
            { Remove-PolyvirtDisk $vm.name -Device $device -Delete -ErrorAction Stop } | Should -Throw '*-Confirm:$false*'
            $null = Remove-PolyvirtDisk $vm.name -Device $device
            Get-PolyvirtVolume lab-kvm | Where-Object lastVm -eq $vm.nativeId | Remove-PolyvirtVolume -Confirm:$false
            @(Get-PolyvirtVolume lab-kvm | Where-Object lastVm -eq $vm.nativeId).Count | Should -Be 0
            $vm = Add-PolyvirtNic $vm.name -Network default
            (Set-PolyvirtNic $vm.name -Mac $vm.nics[0].mac -Connected $false).nics[0].connected | Should -BeFalse
            @((Remove-PolyvirtNic $vm.name -Mac $vm.nics[0].mac).nics).Count | Should -Be 0
            (Set-PolyvirtCdrom $vm.name -Image tiny-iso).cdrom | Should -Be 'tiny-iso'
            (Set-PolyvirtCdrom $vm.name -Eject).cdrom | Should -BeNullOrEmpty
        }

        It 'by each button' {
            $vm = New-TestVM
            ($vm | Start-PolyvirtVM).state | Should -Be 'running'
            (Suspend-PolyvirtVM $vm.name -Pause).state | Should -Be 'paused'
            (Resume-PolyvirtVM $vm.name).state | Should -Be 'running'
            (Suspend-PolyvirtVM $vm.name).state | Should -Be 'suspended'
            ($vm | Resume-PolyvirtVM).state | Should -Be 'running'
            (Restart-PolyvirtVM $vm.name -Force -Confirm:$false).state | Should -Be 'running'
            (Restart-PolyvirtVM $vm.name -Reset -Confirm:$false).state | Should -Be 'running'
            (Stop-PolyvirtVM $vm.name -Force -Confirm:$false).state | Should -Be 'stopped'
        }

        It 'one after the other, where one of them cannot be' {
            $off = New-TestVM
            $on = New-TestVM -Start
            $problem = $null
            $off, $on | Remove-PolyvirtVM -Confirm:$false -ErrorVariable problem -ErrorAction SilentlyContinue
            $problem.Count | Should -Be 1
            $problem[0].FullyQualifiedErrorId | Should -Be 'wrong-state,Remove-PolyvirtVM'
            $problem[0].CategoryInfo.Category | Should -Be 'InvalidOperation'
            $problem[0].TargetObject | Should -Be $on.id
            $problem[0].Exception.Data['Problem'].requestId | Should -Not -BeNullOrEmpty
            Get-PolyvirtVM $off.name -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        }

        It 'not by what is no VM' {
            $problem = $null
            Get-PolyvirtHost lab-kvm | Stop-PolyvirtVM -ErrorVariable problem -ErrorAction SilentlyContinue
            $problem[0].FullyQualifiedErrorId | Should -Be 'invalid-input,Stop-PolyvirtVM'
        }

        It 'not by a pattern, which the error explains' {
            { Stop-PolyvirtVM 'web-*' -ErrorAction Stop } | Should -Throw '*Get-PolyvirtVM*web-**'
        }
    }

    Context 'before they are changed' {
        It 'have a plan with -WhatIf, and stay as they are' {
            $vm = New-TestVM
            $plan = Set-PolyvirtVM $vm.name -Cpus 4 -WhatIf
            $plan.PSObject.TypeNames | Should -Contain 'Polyvirt.Plan'
            $plan.changes[0].pointer, $plan.changes[0].from, $plan.changes[0].to | Should -Be '/cpus', 1, 4
            ($plan | Out-String) | Should -Match 'Disruption\s+:\s+none'
            (Get-PolyvirtVM -Id $vm.id).cpus | Should -Be 1
        }

        It 'have one where a script says so for all that it calls' {
            $vm = New-TestVM
            $script = Join-Path $TestDrive 'careful.ps1'
            Set-Content $script '$WhatIfPreference = $true; Remove-PolyvirtVM $args[0]; Start-PolyvirtVM $args[0]'
            (& $script $vm.name).action | Should -Be 'Delete', 'Start'
            (Get-PolyvirtVM -Id $vm.id).state | Should -Be 'stopped'
        }

        It 'end a script that wants to end at the first error' {
            $script = Join-Path $TestDrive 'strict.ps1'
            Set-Content $script '$ErrorActionPreference = "Stop"; Start-PolyvirtVM "no such VM"; "went on"'
            { & $script } | Should -Throw '*no such VM*'
        }

        It 'are asked about with the plan, where something may be lost and nobody is there: nothing is done' {
            $vm = New-TestVM
            { Remove-PolyvirtVM $vm.name -ErrorAction Stop } | Should -Throw '*NonInteractive*-Confirm:$false*'
            (Get-PolyvirtVM -Id $vm.id).name | Should -Be $vm.name
        }

        It 'are refused with the same problem' {
            $vm = New-TestVM -Start
            { Remove-PolyvirtVM $vm.name -WhatIf -ErrorAction Stop } | Should -Throw '*its state is running*'
        }
    }
}
