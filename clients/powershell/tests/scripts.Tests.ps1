Describe 'The scripts with the old names' {
    BeforeAll {
        . "$PSScriptRoot/stack.ps1"
        $script:scripts = (Resolve-Path "$PSScriptRoot/../scripts").Path
    }
    AfterEach { $env:POLYVIRT_DEFAULT_HOST = $env:POLYVIRT_DEFAULT_MEMORY = $env:POLYVIRT_DEFAULT_DISK = $null }

    It 'vm_manager.ps1 -Action list' {
        $vm = New-TestVM
        (& "$scripts/vm_manager.ps1" -Action list).id | Should -Contain $vm.id
        (& "$scripts/vm_manager.ps1").id | Should -Contain $vm.id
        (& "$scripts/vm_manager.ps1" -Action list -HostId lab-ahv).id | Should -Not -Contain $vm.id
    }

    It 'vm_manager.ps1 -Action create -Name, on a host and in sizes that it says' {
        $name = Get-FreshName
        $warning = $null
        $vm = & "$scripts/vm_manager.ps1" -Action create -Name $name -WarningVariable warning -WarningAction SilentlyContinue
        $vm.name, $vm.cpus, $vm.memoryMiB, $vm.disks[0].sizeGiB | Should -Be $name, 1, 1024, 20
        "$warning" | Should -BeLike "*$($vm.host), 20 GiB disk*-HostId*"
    }

    It 'vm_manager.ps1 -Action create with what is preset, and what is said before that' {
        $env:POLYVIRT_DEFAULT_HOST, $env:POLYVIRT_DEFAULT_MEMORY, $env:POLYVIRT_DEFAULT_DISK = 'lab-kvm', '256', '3G'
        $vm = & "$scripts/vm_manager.ps1" -Action create -Name (Get-FreshName) -Cpus 2 -Image tiny-linux -WarningAction SilentlyContinue
        $vm.host, $vm.cpus, $vm.memoryMiB | Should -Be 'lab-kvm', 2, 256
        $env:POLYVIRT_DEFAULT_MEMORY = '1G'
        $vm = & "$scripts/vm_manager.ps1" -Action create -Name (Get-FreshName) -WarningAction SilentlyContinue
        $vm.memoryMiB, $vm.disks[0].sizeGiB | Should -Be 1024, 3
    }

    It 'vm_manager.ps1 starts, clones, stops and deletes' {
        $vm = New-TestVM
        (& "$scripts/vm_manager.ps1" -Action start -Name $vm.name).state | Should -Be 'running'
        (& "$scripts/vm_manager.ps1" -Action stop -Name $vm.name -Force -Confirm:$false).state | Should -Be 'stopped'
        (& "$scripts/vm_manager.ps1" -Action clone -Source $vm.name -Name "$($vm.name)-2").name | Should -Be "$($vm.name)-2"
        & "$scripts/vm_manager.ps1" -Action delete -Name "$($vm.name)-2" -Force
        Get-PolyvirtVM "$($vm.name)-2*" | Should -BeNullOrEmpty
    }

    It 'vm_manager.ps1 shows a plan with -WhatIf, and makes nothing' {
        $name = Get-FreshName
        (& "$scripts/vm_manager.ps1" -Action create -Name $name -WhatIf -WarningAction SilentlyContinue).action | Should -Be 'Create'
        Get-PolyvirtVM "$name*" | Should -BeNullOrEmpty
    }

    It 'New-VMFromClone.ps1 -TemplateName' {
        $template = New-TestVM
        $vm = & "$scripts/New-VMFromClone.ps1" -TemplateName $template.name
        $vm.name | Should -Match "^$($template.name)-\d{8}-\d{6}$"
        (& "$scripts/New-VMFromClone.ps1" -TemplateName $template.name -NewName "$($template.name)-x").name | Should -Be "$($template.name)-x"
        { & "$scripts/New-VMFromClone.ps1" -TemplateName 'no such' } | Should -Throw '*no template and no VM "no such"*'
    }

    It 'New-NutanixVM.ps1 -VMName' {
        $name = Get-FreshName
        $vm = & "$scripts/New-NutanixVM.ps1" -VMName $name -Cpus 2
        $vm.name, $vm.hypervisor, $vm.cpus, $vm.disks[0].sizeGiB | Should -Be $name, 'nutanix', 2, 20
    }

    It '<Script> refuses what it does not know, and says what it takes' -ForEach @(
        @{ Script = 'vm_manager.ps1'; Given = @('-Action', 'list', '-Cluster', 'x') }
        @{ Script = 'New-VMFromClone.ps1'; Given = @('-TemplateName', 'x', '-Cluster', 'y') }
        @{ Script = 'New-NutanixVM.ps1'; Given = @('-VMName', 'x', '-Cluster', 'y') }
    ) {
        $line = "& '$scripts/$Script' $($Given -join ' ')"
        { Invoke-Expression $line } | Should -Throw "*does not know -Cluster*It takes*"
        $taken = (Get-Command "$scripts/$Script").Parameters.Keys | Where-Object { $_ -notin [System.Management.Automation.PSCmdlet]::CommonParameters -and $_ -notin 'Other', 'Confirm' }
        $told = try { Invoke-Expression $line } catch { "$_" }
        foreach ($parameter in $taken) { $told | Should -Match "-$parameter\b" }
    }

    It 'say what is missing' {
        { & "$scripts/vm_manager.ps1" -Action clone -Name x } | Should -Throw '*needs -Source*'
    }

    It '<_> explains itself' -ForEach 'vm_manager.ps1', 'New-VMFromClone.ps1', 'New-NutanixVM.ps1' {
        $help = Get-Help "$scripts/$_" -Full
        $help.Synopsis | Should -BeLike '*Auto-Creation-VM*'
        @($help.parameters.parameter | Where-Object { $_.name -notin 'Other', 'WhatIf', 'Confirm' -and -not $_.description.Text }).name | Should -BeNullOrEmpty
    }
}
