# Disks, network interfaces and CD-ROM drives of VMs, live where the hypervisor can.

function Add-PolyvirtDisk {
    <#
    .SYNOPSIS
    Gives VMs another disk: blank, from an image, or a volume of the host.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER SizeGiB
    Size of a blank disk; of one from an image, where that is to be larger than the image.
    .PARAMETER Image
    Image of the host to make it from.
    .PARAMETER FullCopy
    Copies the image in full instead of copy-on-write.
    .PARAMETER Volume
    Id of a volume of the host, as Get-PolyvirtVolume has it.
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
    Add-PolyvirtDisk web-1 -SizeGiB 20
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [int]$SizeGiB,
        [string]$Image,
        [switch]$FullCopy,
        [string]$Volume,
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
        $body = Select-Given $PSBoundParameters ([ordered]@{ SizeGiB = 'sizeGiB'; Image = 'image'; Volume = 'volume' })
        if ($FullCopy) { $body['copy'] = 'full' }
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/disks' -Body $body -Action 'Add a disk to'
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Resize-PolyvirtDisk {
    <#
    .SYNOPSIS
    Grows a disk of VMs.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Device
    Which disk, as `disks` of the VM has it: vda.
    .PARAMETER SizeGiB
    Its new size; a disk only grows.
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
    Resize-PolyvirtDisk web-1 -Device vda -SizeGiB 40
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [Parameter(Mandatory)] [string]$Device,
        [Parameter(Mandatory)] [int]$SizeGiB,
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
        $path = @{ device = $Device }
        $body = [ordered]@{ sizeGiB = $SizeGiB }
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'PATCH /api/v1/vms/{vmId}/disks/{device}' $path -Body $body -Action "Grow $Device of"
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Remove-PolyvirtDisk {
    <#
    .SYNOPSIS
    Detaches a disk of VMs and keeps it as a volume of the host.
    .DESCRIPTION
    With -Delete it is deleted with all that is on it, which is asked about before.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Device
    Which disk, as `disks` of the VM has it: vda.
    .PARAMETER Delete
    Deletes it.
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
    Remove-PolyvirtDisk web-1 -Device vdb
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [Parameter(Mandatory)] [string]$Device,
        [switch]$Delete,
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
        $path = @{ device = $Device }
        $query = @{ keep = -not $Delete }
        $vms = Get-VMName $PSCmdlet $Name $Id
        $action = if ($Delete) { "Delete $Device of" } else { "Detach $Device of" }
        Add-VMChange $changes $vms 'DELETE /api/v1/vms/{vmId}/disks/{device}' $path $query -Action $action -Dangerous:$Delete
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Add-PolyvirtNic {
    <#
    .SYNOPSIS
    Gives VMs another network interface.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Network
    Network of the host.
    .PARAMETER Address
    A fixed address, where the network can reserve one; by DHCP unless said.
    .PARAMETER Mac
    MAC address; chosen by the host unless said.
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
    Add-PolyvirtNic web-1 -Network default
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [Parameter(Mandatory)] [string]$Network,
        [string]$Address,
        [string]$Mac,
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
        $body = Select-Given $PSBoundParameters ([ordered]@{ Network = 'network'; Address = 'address'; Mac = 'mac' })
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/nics' -Body $body -Action 'Add an interface to'
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Set-PolyvirtNic {
    <#
    .SYNOPSIS
    Changes a network interface of a VM in place; it keeps its MAC address.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Mac
    Which interface, as `nics` of the VM has it.
    .PARAMETER Network
    Network to put it on.
    .PARAMETER Address
    A fixed address, or auto.
    .PARAMETER Connected
    Whether its cable is plugged in: $true or $false.
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
    Set-PolyvirtNic web-1 -Mac 52:54:00:12:34:56 -Connected $false
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [Parameter(Mandatory)] [string]$Mac,
        [string]$Network,
        [string]$Address,
        [bool]$Connected,
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
        $path = @{ mac = $Mac }
        $body = Select-Given $PSBoundParameters ([ordered]@{ Network = 'network'; Address = 'address'; Connected = 'connected' })
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'PATCH /api/v1/vms/{vmId}/nics/{mac}' $path -Body $body -Action "Change $Mac of"
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Remove-PolyvirtNic {
    <#
    .SYNOPSIS
    Takes a network interface away from a VM.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Mac
    Which interface, as `nics` of the VM has it.
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
    Remove-PolyvirtNic web-1 -Mac 52:54:00:12:34:56
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [Parameter(Mandatory)] [string]$Mac,
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
        $path = @{ mac = $Mac }
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'DELETE /api/v1/vms/{vmId}/nics/{mac}' $path -Action "Remove $Mac of"
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Set-PolyvirtCdrom {
    <#
    .SYNOPSIS
    Puts an ISO image into the CD-ROM drive of VMs, changes it, or ejects it.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Image
    ISO image of the host.
    .PARAMETER Eject
    Leaves the drive empty.
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
    Set-PolyvirtCdrom web-1 -Image debian-12.iso
    .EXAMPLE
    Set-PolyvirtCdrom web-1 -Eject
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [string]$Image,
        [switch]$Eject,
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
        if ([bool]$Image -eq [bool]$Eject) {
            Write-Problem $PSCmdlet (New-ClientError 'invalid-input' 'InvalidArgument' 'Say either -Image or -Eject.')
            return
        }
        $body = [ordered]@{ image = $(if ($Eject) { $null } else { $Image }) }
        $action = if ($Eject) { 'Empty the drive of' } else { "Insert $Image into" }
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'PUT /api/v1/vms/{vmId}/cdrom' -Body $body -Action $action
    }
    end { Complete-Change $changes $script:AnswerVM }
}
