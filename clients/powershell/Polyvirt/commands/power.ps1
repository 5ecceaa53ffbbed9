# The power button.

function Start-PolyvirtVM {
    <#
    .SYNOPSIS
    Powers VMs on.
    .DESCRIPTION
    A suspended VM resumes where it was; one that is on already is left as it is.
    .PARAMETER TimeoutSeconds
    How long the guest or the host may take; it then fails with `timed-out`.
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
    Start-PolyvirtVM web-1, web-2
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [ValidateRange(1, 3600)] [int]$TimeoutSeconds,
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
        $body = Select-Given $PSBoundParameters ([ordered]@{ TimeoutSeconds = 'timeoutSeconds' })
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/start' -Body $body -Action 'Start'
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Stop-PolyvirtVM {
    <#
    .SYNOPSIS
    Shuts VMs down through their guests, or by force.
    .DESCRIPTION
    A shutdown that runs out of time fails with `timed-out` and changes nothing: it never turns into force by itself.
    -Force asks before, as it may lose what the guest has not written; -Confirm:$false does not ask.
    .PARAMETER Force
    Pulls the plug instead of asking the guest.
    .PARAMETER TimeoutSeconds
    How long the guest or the host may take; it then fails with `timed-out`.
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
    Get-PolyvirtVM -HostId kvm-lab1 -State running | Stop-PolyvirtVM
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [switch]$Force,
        [ValidateRange(1, 3600)] [int]$TimeoutSeconds,
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
        $body = Select-Given $PSBoundParameters ([ordered]@{ Force = 'force'; TimeoutSeconds = 'timeoutSeconds' })
        $vms = Get-VMName $PSCmdlet $Name $Id
        $action = if ($Force) { 'Cut the power of' } else { 'Stop' }
        Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/stop' -Body $body -Action $action -Dangerous:$Force
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Restart-PolyvirtVM {
    <#
    .SYNOPSIS
    Shuts VMs down and powers them on again.
    .DESCRIPTION
    With -Force the shutdown is a power cut; -Reset presses the reset button, without asking the guest. Both ask before.
    .PARAMETER Force
    Pulls the plug instead of asking the guest.
    .PARAMETER Reset
    Presses the reset button: the guest is not asked, and the VM is not switched off between.
    .PARAMETER TimeoutSeconds
    How long the guest or the host may take; it then fails with `timed-out`.
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
    Restart-PolyvirtVM web-1 -TimeoutSeconds 300
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [switch]$Force,
        [switch]$Reset,
        [ValidateRange(1, 3600)] [int]$TimeoutSeconds,
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
        $body = Select-Given $PSBoundParameters ([ordered]@{ Force = 'force'; TimeoutSeconds = 'timeoutSeconds' })
        $vms = Get-VMName $PSCmdlet $Name $Id
        if ($Reset) {
            $body.Remove('force')
            Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/reset' -Body $body -Action 'Reset' -Dangerous
            return
        }
        Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/restart' -Body $body -Action 'Restart' -Dangerous:$Force
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Suspend-PolyvirtVM {
    <#
    .SYNOPSIS
    Saves the memory of VMs to disk and powers them off, or freezes them.
    .PARAMETER Pause
    Freezes it in memory instead of saving it to disk.
    .PARAMETER TimeoutSeconds
    How long the guest or the host may take; it then fails with `timed-out`.
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
    Suspend-PolyvirtVM web-1 -Pause
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [switch]$Pause,
        [ValidateRange(1, 3600)] [int]$TimeoutSeconds,
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
        $body = Select-Given $PSBoundParameters ([ordered]@{ TimeoutSeconds = 'timeoutSeconds' })
        $vms = Get-VMName $PSCmdlet $Name $Id
        if ($Pause) { Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/pause' -Body $body -Action 'Pause' }
        else { Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/suspend' -Body $body -Action 'Suspend' }
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Resume-PolyvirtVM {
    <#
    .SYNOPSIS
    Lets paused or suspended VMs run again.
    .PARAMETER TimeoutSeconds
    How long the guest or the host may take; it then fails with `timed-out`.
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
    Get-PolyvirtVM -State paused | Resume-PolyvirtVM
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [ValidateRange(1, 3600)] [int]$TimeoutSeconds,
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
        $body = Select-Given $PSBoundParameters ([ordered]@{ TimeoutSeconds = 'timeoutSeconds' })
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/resume' -Body $body -Action 'Resume'
    }
    end { Complete-Change $changes $script:AnswerVM }
}
