# Operations: every change that was asked for, with its progress and its end.

function Get-PolyvirtOperation {
    <#
    .SYNOPSIS
    Gets operations, the newest first.
    .PARAMETER Id
    Ids of operations.
    .PARAMETER VmId
    Only of these VMs; objects of Get-PolyvirtVM can be piped in.
    .PARAMETER HostId
    Only of these hosts.
    .PARAMETER Status
    Only in one of these states.
    .PARAMETER Verb
    Only of these verbs: vm.start.
    .PARAMETER RequestedBy
    Only of these users: ada, or ada/ci for her token ci.
    .PARAMETER Parent
    Only the parts of these batches.
    .PARAMETER First
    At most so many, 50 unless said.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtOperation -Status failed -First 10
    .EXAMPLE
    (Get-PolyvirtOperation -VmId kvm-lab1~4b2c -First 1).steps
    #>
    [CmdletBinding(DefaultParameterSetName = 'Filter')]
    [OutputType('Polyvirt.Operation')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Id')] [string[]]$Id,
        [Parameter(ParameterSetName = 'Filter', ValueFromPipelineByPropertyName)] [string[]]$VmId,
        [Parameter(ParameterSetName = 'Filter')] [string[]]$HostId,
        [Parameter(ParameterSetName = 'Filter')]
        [ValidateSet('pending', 'running', 'succeeded', 'failed', 'cancelled')] [string[]]$Status,
        [Parameter(ParameterSetName = 'Filter')] [string[]]$Verb,
        [Parameter(ParameterSetName = 'Filter')] [string[]]$RequestedBy,
        [Parameter(ParameterSetName = 'Filter')] [string[]]$Parent,
        [Parameter(ParameterSetName = 'Filter')] [ValidateRange(1, 1000000)] [int]$First = 50,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
        foreach ($one in $Id) {
            try { $found = Invoke-Route $connection 'GET /api/v1/operations/{operationId}' @{ operationId = $one } -As 'Polyvirt.Operation' }
            catch { Write-Problem $PSCmdlet $_ $one; continue }
            $found
        }
        if ($PSCmdlet.ParameterSetName -eq 'Id') { return }
        $query = @{}
        $given = Select-Given $PSBoundParameters @{
            VmId = 'vm'; HostId = 'host'; Status = 'status'; Verb = 'verb'; RequestedBy = 'requestedBy'; Parent = 'parent'
        }
        foreach ($key in $given.Keys) { $query[$key] = $given[$key] }
        try { $found = @(Get-Page $connection 'GET /api/v1/operations' -Query $query -As 'Polyvirt.Operation' -First $First) }
        catch { Write-Problem $PSCmdlet $_; return }
        $found
    }
}

function Wait-PolyvirtOperation {
    <#
    .SYNOPSIS
    Waits until operations have ended, and answers them. One that failed is an error too.
    .PARAMETER Id
    Ids of operations; those that -NoWait answered can be piped in.
    .PARAMETER WaitSeconds
    How long to wait, 600 s unless said. What has not ended then continues.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtVM -State stopped | Start-PolyvirtVM -NoWait | Wait-PolyvirtOperation
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Operation')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [string[]]$Id,
        [ValidateRange(0, 86400)] [int]$WaitSeconds = 600,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin {
        Set-CallerPreference $PSCmdlet
        $changes = New-ChangeList $PSCmdlet $PSBoundParameters
    }
    process {
        foreach ($one in $Id) {
            try {
                $operation = Invoke-Route $changes.Session 'GET /api/v1/operations/{operationId}' @{ operationId = $one } -As 'Polyvirt.Operation'
            } catch { Write-Problem $PSCmdlet $_ $one; continue }
            $target = if ($operation.vmId) { $operation.vmId } else { $one }
            $changes.Running.Add(@{ Operation = $operation; Target = $target; TargetObject = $operation; Action = $operation.verb })
        }
    }
    end {
        Wait-Change $PSCmdlet $changes.Session $changes.Running $WaitSeconds | ForEach-Object {
            if ($_.Operation.status -ne 'succeeded') { Write-Problem $PSCmdlet (Get-OutcomeRecord $_.Operation) $_.Operation }
            $_.Operation
        }
    }
}

function Stop-PolyvirtOperation {
    <#
    .SYNOPSIS
    Cancels operations at their next safe point, and undoes what they made.
    .PARAMETER Id
    Ids of operations; objects of Get-PolyvirtOperation can be piped in.
    .PARAMETER NoWait
    Answers at once instead of waiting until it has been undone.
    .PARAMETER WaitSeconds
    How long to wait for the end, 600 s unless said.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtOperation -Status running | Stop-PolyvirtOperation
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Polyvirt.Operation')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [string[]]$Id,
        [switch]$NoWait,
        [ValidateRange(0, 86400)] [int]$WaitSeconds = 600,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin {
        Set-CallerPreference $PSCmdlet
        $changes = New-ChangeList $PSCmdlet $PSBoundParameters
    }
    process {
        foreach ($one in $Id) {
            if (-not (Confirm-Here $PSCmdlet 'Cancel the operation' $one)) { continue }
            try {
                $path = @{ operationId = $one }
                $operation = Invoke-Route $changes.Session 'POST /api/v1/operations/{operationId}/cancel' $path -Header (New-IdempotencyHeader) -As 'Polyvirt.Operation'
            } catch { Write-Problem $PSCmdlet $_ $one; continue }
            $changes.Running.Add(@{ Operation = $operation; Target = $one; TargetObject = $operation; Action = 'Cancel' })
        }
    }
    end {
        if ($NoWait) { foreach ($one in $changes.Running) { $one.Operation }; return }
        Wait-Change $PSCmdlet $changes.Session $changes.Running $WaitSeconds | ForEach-Object { $_.Operation }
    }
}

function Restart-PolyvirtOperation {
    <#
    .SYNOPSIS
    Asks again for what failed or was cancelled; of a batch, for the VMs it did not succeed with.
    .PARAMETER Id
    Ids of operations; objects of Get-PolyvirtOperation can be piped in.
    .PARAMETER NoWait
    Answers the new operation at once instead of waiting for its end.
    .PARAMETER WaitSeconds
    How long to wait for the end, 600 s unless said. What has not ended then continues.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtOperation -Status failed -First 1 | Restart-PolyvirtOperation
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Polyvirt.Operation')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [string[]]$Id,
        [switch]$NoWait,
        [ValidateRange(0, 86400)] [int]$WaitSeconds = 600,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin {
        Set-CallerPreference $PSCmdlet
        $changes = New-ChangeList $PSCmdlet $PSBoundParameters
    }
    process {
        foreach ($one in $Id) {
            if (-not (Confirm-Here $PSCmdlet 'Ask again for the operation' $one)) { continue }
            try {
                $path = @{ operationId = $one }
                $operation = Invoke-Route $changes.Session 'POST /api/v1/operations/{operationId}/retry' $path -Header (New-IdempotencyHeader) -As 'Polyvirt.Operation'
            } catch { Write-Problem $PSCmdlet $_ $one; continue }
            $changes.Running.Add(@{ Operation = $operation; Target = $one; TargetObject = $operation; Action = $operation.verb })
        }
    }
    end {
        if ($NoWait) { foreach ($one in $changes.Running) { $one.Operation }; return }
        Complete-Change $changes { param($Session, $Operation) $Operation }
    }
}

function Invoke-PolyvirtBatch {
    <#
    .SYNOPSIS
    Runs one command on many VMs as one operation, which goes on without this PowerShell.
    .DESCRIPTION
    The commands of single VMs take pipelines too; a batch has a bound of how many run at once, can stop at the first
    failure, and Restart-PolyvirtOperation repeats it for those that failed. -WhatIf shows the plan of each.
    .PARAMETER Action
    What to do.
    .PARAMETER Id
    Ids of VMs; objects of Get-PolyvirtVM can be piped in.
    .PARAMETER Filter
    VMs that fit this instead: @{ host = 'kvm-lab1'; state = 'running'; label = 'env=test' }.
    .PARAMETER Parameter
    What the command takes: @{ force = $true }.
    .PARAMETER MaxParallel
    How many at once, 10 unless said.
    .PARAMETER StopOnError
    Begins no more once one has failed.
    .PARAMETER Queue
    Where the host is offline, lets the change wait for it instead of failing.
    .PARAMETER Wait
    Waits until it has ended, which is the default.
    .PARAMETER NoWait
    Answers the operation at once instead of waiting for its end.
    .PARAMETER WaitSeconds
    How long to wait for the end, 600 s unless said. What has not ended then continues.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtVM -Label class=3b | Invoke-PolyvirtBatch stop -MaxParallel 50
    .EXAMPLE
    Invoke-PolyvirtBatch snapshot -Filter @{ label = 'env=prod' } -Parameter @{ name = 'nightly' } -WhatIf
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Polyvirt.Operation')]
    param(
        [Parameter(Mandatory, Position = 0)]
        [ValidateSet('delete', 'start', 'stop', 'restart', 'reset', 'suspend', 'pause', 'resume', 'reconfigure', 'disk-add', 'disk-grow', 'disk-detach',
            'nic-add', 'nic-change', 'nic-remove', 'cdrom-set', 'pending-changes-drop', 'clone', 'snapshot', 'snapshot-revert', 'snapshot-delete')]
        [string]$Action,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [Parameter(Mandatory, ParameterSetName = 'Filter')] [hashtable]$Filter,
        [hashtable]$Parameter,
        [ValidateRange(1, 100)] [int]$MaxParallel,
        [switch]$StopOnError,
        [switch]$Queue,
        [switch]$Wait,
        [switch]$NoWait,
        [ValidateRange(0, 86400)] [int]$WaitSeconds = 600,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin {
        Set-CallerPreference $PSCmdlet
        $changes = New-ChangeList $PSCmdlet $PSBoundParameters
        $ids = New-Object System.Collections.Generic.List[object]
    }
    process { foreach ($one in $Id) { $ids.Add($one) } }
    end {
        $body = [ordered]@{ action = $Action }
        if ($Filter) { $body['filter'] = $Filter } else { $body['ids'] = $ids.ToArray() }
        $more = Select-Given $PSBoundParameters ([ordered]@{ Parameter = 'params'; MaxParallel = 'maxParallel' })
        foreach ($key in $more.Keys) { $body[$key] = $more[$key] }
        if ($StopOnError) { $body['onError'] = 'stop' }
        $target = if ($Filter) { 'the VMs that fit' } else { "$($ids.Count) VMs" }
        $dangerous = $Action -in 'delete', 'reset', 'snapshot-revert', 'snapshot-delete' -or ($Parameter -and $Parameter['force'])
        Add-Change $changes 'POST /api/v1/vms/batch' -Body $body -Action $Action -Target $target -Dangerous:$dangerous
        if (-not $changes.Waits) { return Complete-Change $changes }
        Wait-Change $PSCmdlet $changes.Session $changes.Running $WaitSeconds | ForEach-Object {
            $operation = $_.Operation
            $parts = @(if (@($operation.result.operations).Count -gt 0) {
                    Get-Page $changes.Session 'GET /api/v1/operations' -Query @{ parent = $operation.id; status = 'failed' } -As 'Polyvirt.Operation'
                })
            foreach ($part in $parts) { Write-Problem $PSCmdlet (Get-OutcomeRecord $part) $part.vmId }
            if ($parts.Count -eq 0 -and $operation.status -ne 'succeeded') { Write-Problem $PSCmdlet (Get-OutcomeRecord $operation) $operation }
            $operation
        }
    }
}
