# Checkpoints, which the API calls snapshots: the words of Hyper-V, so that its users find them.

function Get-PolyvirtCheckpoint {
    <#
    .SYNOPSIS
    Gets the checkpoints of VMs, oldest first; `parent` makes them a tree.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Checkpoint
    Only those with this name; patterns work.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtVM web-1 | Get-PolyvirtCheckpoint
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.Checkpoint')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [Parameter(Position = 1)] [Alias('Snapshot')] [SupportsWildcards()] [string]$Checkpoint = '*',
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
        foreach ($one in (Get-VMName $PSCmdlet $Name $Id)) {
            try {
                $vm = Resolve-VM $connection $one
                $found = @(Get-Page $connection 'GET /api/v1/vms/{vmId}/snapshots' @{ vmId = $vm.Id } -As 'Polyvirt.Checkpoint')
            } catch { Write-Problem $PSCmdlet $_ $one; continue }
            foreach ($snapshot in $found) {
                if ($snapshot.name -notlike $Checkpoint) { continue }
                $snapshot | Add-Member -NotePropertyMembers ([ordered]@{ vmId = $vm.Id; vmName = $vm.Name }) -PassThru
            }
        }
    }
}

function Checkpoint-PolyvirtVM {
    <#
    .SYNOPSIS
    Keeps the present state of VMs under a name.
    .PARAMETER CheckpointName
    Name of the checkpoint; the time of now unless said.
    .PARAMETER Description
    What it is for.
    .PARAMETER Memory
    Whether to keep the memory of a running VM too: $true or $false; by default where the hypervisor can.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
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
    Checkpoint-PolyvirtVM web-1 -CheckpointName 'before the update'
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.Checkpoint')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [Parameter(Position = 1)] [Alias('SnapshotName')] [string]$CheckpointName,
        [string]$Description,
        [bool]$Memory,
        [switch]$Queue,
        [switch]$Wait,
        [switch]$NoWait,
        [ValidateRange(0, 86400)] [int]$WaitSeconds = 600,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin {
        Set-CallerPreference $PSCmdlet
        $changes = New-ChangeList $PSCmdlet $PSBoundParameters
    }
    process {
        $body = [ordered]@{ name = $(if ($CheckpointName) { $CheckpointName } else { [datetime]::Now.ToString('yyyy-MM-dd HH.mm.ss') }) }
        $more = Select-Given $PSBoundParameters ([ordered]@{ Description = 'description'; Memory = 'memory' })
        foreach ($key in $more.Keys) { $body[$key] = $more[$key] }
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/snapshots' -Body $body -Action 'Checkpoint'
    }
    end {
        Complete-Change $changes {
            param($Session, $Operation)
            Get-PolyvirtCheckpoint -Id $Operation.vmId -Session $Session | Where-Object { $_.id -ceq $Operation.result.snapshot }
        }
    }
}

function Restore-PolyvirtVM {
    <#
    .SYNOPSIS
    Puts a VM back to a checkpoint. What happened since then is lost, so it asks before.
    .PARAMETER Name
    The VM: its name, `host/name`, or its id.
    .PARAMETER VmId
    Its id, as the objects of Get-PolyvirtCheckpoint have it.
    .PARAMETER Checkpoint
    Id of the checkpoint, or its name where only one has it.
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
    Restore-PolyvirtVM web-1 'before the update'
    .EXAMPLE
    Get-PolyvirtCheckpoint web-1 | Where-Object current | Restore-PolyvirtVM -Confirm:$false
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name')] [string]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string]$VmId,
        [Parameter(Mandatory, Position = 1, ValueFromPipelineByPropertyName)] [Alias('Id', 'Snapshot')] [string]$Checkpoint,
        [switch]$Queue,
        [switch]$Wait,
        [switch]$NoWait,
        [ValidateRange(0, 86400)] [int]$WaitSeconds = 600,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin {
        Set-CallerPreference $PSCmdlet
        $changes = New-ChangeList $PSCmdlet $PSBoundParameters
    }
    process {
        $vm = if ($Name) { $Name } else { $VmId }
        $path = @{ snapshot = $Checkpoint }
        Add-VMChange $changes $vm 'POST /api/v1/vms/{vmId}/snapshots/{snapshot}/revert' $path -Body @{} -Action "Put back to $Checkpoint" -Dangerous
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Remove-PolyvirtCheckpoint {
    <#
    .SYNOPSIS
    Forgets a checkpoint. The present state of the VM stays as it is.
    .PARAMETER Name
    The VM: its name, `host/name`, or its id.
    .PARAMETER VmId
    Its id, as the objects of Get-PolyvirtCheckpoint have it.
    .PARAMETER Checkpoint
    Id of the checkpoint, or its name where only one has it.
    .PARAMETER IncludeChildren
    Deletes the checkpoints below it too; else they move up to its parent.
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
    Get-PolyvirtCheckpoint web-1 | Where-Object createdAt -lt (Get-Date).AddDays(-30) | Remove-PolyvirtCheckpoint
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name')] [string]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string]$VmId,
        [Parameter(Mandatory, Position = 1, ValueFromPipelineByPropertyName)] [Alias('Id', 'Snapshot')] [string]$Checkpoint,
        [switch]$IncludeChildren,
        [switch]$Queue,
        [switch]$Wait,
        [switch]$NoWait,
        [ValidateRange(0, 86400)] [int]$WaitSeconds = 600,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin {
        Set-CallerPreference $PSCmdlet
        $changes = New-ChangeList $PSCmdlet $PSBoundParameters
    }
    process {
        $vm = if ($Name) { $Name } else { $VmId }
        $query = if ($IncludeChildren) { @{ children = $true } } else { @{} }
        $path = @{ snapshot = $Checkpoint }
        Add-VMChange $changes $vm 'DELETE /api/v1/vms/{vmId}/snapshots/{snapshot}' $path $query -Action "Delete checkpoint $Checkpoint of" -Dangerous
    }
    end { Complete-Change $changes }
}
