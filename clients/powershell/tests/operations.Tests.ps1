Describe 'Operations' {
    BeforeAll { . "$PSScriptRoot/stack.ps1" }
    AfterEach { $null = Request-Stack @{ fail = @{ host = 'lab-kvm'; faults = @() } } }

    It 'are answered at once with -NoWait, and waited for later' {
        $vms = 1..2 | ForEach-Object { New-TestVM }
        $started = $vms | Start-PolyvirtVM -NoWait
        $started.verb | Should -Be 'vm.start', 'vm.start'
        $ended = $started | Wait-PolyvirtOperation
        $ended.status | Should -Be 'succeeded', 'succeeded'
        (Get-PolyvirtOperation $started[0].id).status | Should -Be 'succeeded'
        ($vms[0] | Get-PolyvirtOperation -Verb vm.create).steps.name | Should -Contain 'define the machine'
        ($vms[0] | Get-PolyvirtOperation -First 1).vmId | Should -Be $vms[0].id
    }

    It 'show their steps and the deadline while they are waited for' {
        $vm = New-TestVM
        $null = Request-Stack @{ fail = @{ host = 'lab-kvm'; faults = @(@{ at = 'start'; delayMs = 1500; times = 1 }) } }
        $shell = [powershell]::Create()
        $null = $shell.AddScript({
                param($Module, $Folder, $Name)
                Set-Location -LiteralPath $Folder
                Import-Module $Module
                Start-PolyvirtVM $Name
            }).AddArgument((Get-Module Polyvirt).Path).AddArgument($Stack.folder).AddArgument($vm.name)
        $shell.Invoke().state | Should -Be 'running'
        $told = $shell.Streams.Progress | Where-Object Activity -eq "Start $($vm.name)"
        ($told | Where-Object RecordType -eq 'Processing').StatusDescription | Should -BeLike '*of at most 600 s'
        $told[-1].RecordType | Should -Be 'Completed'
        $shell.Dispose()
    }

    It 'continue when the wait is over, and the error says how to go on' {
        $vm = New-TestVM
        $null = Request-Stack @{ fail = @{ host = 'lab-kvm'; faults = @(@{ at = 'start'; hold = $true; times = 1 }) } }
        $problem = $null
        Start-PolyvirtVM $vm.name -WaitSeconds 0 -ErrorVariable problem -ErrorAction SilentlyContinue
        $problem[0].FullyQualifiedErrorId | Should -Be 'timed-out,Start-PolyvirtVM'
        $problem[0].CategoryInfo.Category | Should -Be 'OperationTimeout'
        "$problem" | Should -BeLike "*continues. Wait-PolyvirtOperation $($problem[0].TargetObject.id)*"
        $busy = $null
        Stop-PolyvirtVM $vm.name -ErrorVariable busy -ErrorAction SilentlyContinue
        $busy[0].FullyQualifiedErrorId | Should -Be 'vm-busy,Stop-PolyvirtVM'
        $busy[0].ErrorDetails.RecommendedAction | Should -BeLike '*Wait-PolyvirtOperation*'
        $null = Request-Stack @{ fail = @{ host = 'lab-kvm'; faults = @() } }
        (Wait-PolyvirtOperation $problem[0].TargetObject.id).status | Should -Be 'succeeded'
    }

    It 'that fail are errors with the code of their problem, and can be asked for again' {
        $vm = New-TestVM
        $null = Request-Stack @{ fail = @{ host = 'lab-kvm'; faults = @(@{ at = 'start'; failWith = 'host-rejected'; times = 1 }) } }
        $problem = $null
        Start-PolyvirtVM $vm.name -ErrorVariable problem -ErrorAction SilentlyContinue
        $problem[0].FullyQualifiedErrorId | Should -Be 'host-rejected,Start-PolyvirtVM'
        $again = Get-PolyvirtOperation -VmId $vm.id -Status failed | Restart-PolyvirtOperation
        $again.status | Should -Be 'succeeded'
        (Get-PolyvirtVM -Id $vm.id).state | Should -Be 'running'
    }

    It 'can be cancelled' {
        $vm = New-TestVM
        $null = Request-Stack @{ fail = @{ host = 'lab-kvm'; faults = @(@{ at = 'start'; hang = $true; times = 1 }) } }
        $ended = Start-PolyvirtVM $vm.name -NoWait | Stop-PolyvirtOperation
        $ended.status | Should -Be 'cancelled'
    }

    It 'outlast a gateway that is lost while they are waited for' {
        $vm = New-TestVM
        $null = Request-Stack @{ fail = @{ host = 'lab-kvm'; faults = @(@{ at = 'start'; hold = $true; times = 1 }) } }
        $operation = Start-PolyvirtVM $vm.name -NoWait
        $waiting = [powershell]::Create()
        $null = $waiting.AddScript({
                param($Module, $Folder, $Id)
                Set-Location -LiteralPath $Folder
                Import-Module $Module
                Wait-PolyvirtOperation $Id
            }).AddArgument((Get-Module Polyvirt).Path).AddArgument($Stack.folder).AddArgument($operation.id)
        $task = $waiting.BeginInvoke()
        while (-not ($waiting.Streams.Progress | Where-Object Activity -like 'vm.start*')) { [System.Threading.Thread]::Yield() | Out-Null }
        $null = Request-Stack @{ kill = 'gateway' }
        while (-not ($waiting.Streams.Progress | Where-Object StatusDescription -like '*not reachable; the change continues*')) { [System.Threading.Thread]::Yield() | Out-Null }
        $null = Request-Stack @{ launch = 'gateway'; ready = $true; fail = @{ host = 'lab-kvm'; faults = @() } }
        $waiting.EndInvoke($task).status | Should -Be 'succeeded'
        $waiting.Dispose()
        # The session of before may have ended with the gateway's memory of it; it is found again.
        (Get-PolyvirtVM -Id $vm.id).state | Should -Be 'running'
    }

    It 'are one for many VMs in a batch, with the plan of each before' {
        $vms = 1..3 | ForEach-Object { New-TestVM }
        $plan = $vms | Invoke-PolyvirtBatch start -WhatIf
        @($plan.items).Count | Should -Be 3
        $ended = $vms | Invoke-PolyvirtBatch start -MaxParallel 2
        $ended.result.succeeded | Should -Be 3
        $label = Get-FreshName
        $null = $vms | Set-PolyvirtVM -Label @{ batch = $label }
        $problem = $null
        Invoke-PolyvirtBatch delete -Filter @{ label = "batch=$label" } -Confirm:$false -ErrorVariable problem -ErrorAction SilentlyContinue | Out-Null
        $problem.FullyQualifiedErrorId | Should -Be (@('wrong-state,Invoke-PolyvirtBatch') * 3)
        $problem.TargetObject | Sort-Object | Should -Be ($vms.id | Sort-Object)
    }
}
