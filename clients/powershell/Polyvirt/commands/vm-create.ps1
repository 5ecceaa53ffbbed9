# VMs that are made: created, or cloned from others.

function New-PolyvirtVM {
    <#
    .SYNOPSIS
    Creates a VM. The same parameters work on every hypervisor.
    .DESCRIPTION
    With -WhatIf nothing is created and the plan is shown: what it would be, and what speaks against it.
    .PARAMETER Name
    Its name.
    .PARAMETER HostId
    Host to create it on; not needed where there is only one.
    .PARAMETER Cpus
    CPUs, 1 unless said.
    .PARAMETER MemoryMiB
    Memory in MiB, 1024 unless said.
    .PARAMETER DiskGiB
    A blank disk for each size in GiB.
    .PARAMETER Image
    Image of the host to make its first disk from.
    .PARAMETER ImageDiskGiB
    Size of the disk that is made from -Image, where that is to be larger than the image.
    .PARAMETER FullCopy
    Copies the image in full instead of copy-on-write.
    .PARAMETER Template
    Template of the host to clone, instead of disks.
    .PARAMETER Network
    Networks of the host, an interface for each.
    .PARAMETER Nic
    Interfaces with more than a network: @{ network = 'lab'; address = '10.0.0.9'; mac = '52:54:00:12:34:56' }.
    .PARAMETER Cdrom
    ISO image in its CD-ROM drive.
    .PARAMETER Firmware
    bios or uefi, bios unless said.
    .PARAMETER UserData
    User data for cloud-init.
    .PARAMETER NetworkConfig
    Network configuration for cloud-init.
    .PARAMETER Label
    Its labels: @{ env = 'test' }.
    .PARAMETER Notes
    Free text.
    .PARAMETER Protected
    Refuses to delete it.
    .PARAMETER Start
    Powers it on.
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
    New-PolyvirtVM web-1 -HostId kvm-local -Image tiny-linux -MemoryMiB 192 -Network default -Start
    .EXAMPLE
    'a', 'b', 'c' | New-PolyvirtVM -HostId kvm-local -DiskGiB 20 -Label @{ class = '3b' }
    .EXAMPLE
    New-PolyvirtVM web-1 -HostId kvm-local -DiskGiB 20 -WhatIf
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [string[]]$Name,
        [string]$HostId,
        [int]$Cpus,
        [int]$MemoryMiB,
        [int[]]$DiskGiB,
        [string]$Image,
        [int]$ImageDiskGiB,
        [switch]$FullCopy,
        [string]$Template,
        [string[]]$Network,
        [hashtable[]]$Nic,
        [string]$Cdrom,
        [ValidateSet('bios', 'uefi')] [string]$Firmware,
        [string]$UserData,
        [string]$NetworkConfig,
        [hashtable]$Label,
        [string]$Notes,
        [switch]$Protected,
        [switch]$Start,
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
        $body = Select-Given $PSBoundParameters ([ordered]@{
                HostId = 'host'; Cpus = 'cpus'; MemoryMiB = 'memoryMiB'; Template = 'template'; Cdrom = 'cdrom'; Firmware = 'firmware'
                Label = 'labels'; Notes = 'notes'; Protected = 'protected'; Start = 'start'
            })
        try { if (-not $HostId) { $body['host'] = Get-OnlyHostId $changes.Session } }
        catch { Write-Problem $PSCmdlet $_ $Name; return }
        $disks = @()
        if ($Image) {
            $first = [ordered]@{ image = $Image }
            if ($ImageDiskGiB -gt 0) { $first['sizeGiB'] = $ImageDiskGiB }
            if ($FullCopy) { $first['copy'] = 'full' }
            $disks += $first
        }
        foreach ($size in $DiskGiB) { $disks += [ordered]@{ sizeGiB = $size } }
        if ($disks.Count -gt 0) { $body['disks'] = [object[]]$disks }
        $nics = @(foreach ($one in $Network) { [ordered]@{ network = $one } }) + @($Nic | Where-Object { $null -ne $_ })
        if ($nics.Count -gt 0) { $body['nics'] = [object[]]$nics }
        if ($UserData) {
            $body['cloudInit'] = [ordered]@{ userData = $UserData }
            if ($NetworkConfig) { $body['cloudInit']['networkConfig'] = $NetworkConfig }
        }
        foreach ($one in $Name) {
            $own = [ordered]@{ name = $one }
            foreach ($key in $body.Keys) { $own[$key] = $body[$key] }
            Add-Change $changes 'POST /api/v1/vms' -Body $own -Action 'Create' -Target $one -TargetObject $one
        }
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Get-OnlyHostId {
    param($Session)
    $hosts = @(Get-Page $Session 'GET /api/v1/hosts' -As 'Polyvirt.Host')
    if ($hosts.Count -eq 1) { return $hosts[0].id }
    $known = if ($hosts.Count -eq 0) { 'there is none yet' } else { ($hosts | ForEach-Object { $_.id }) -join ', ' }
    throw (New-ClientError 'invalid-input' 'InvalidArgument' "On which host? Say -HostId: $known.")
}

function Copy-PolyvirtVM {
    <#
    .SYNOPSIS
    Clones a VM, with MAC addresses of its own; as it is, or with what is asked for.
    .PARAMETER NewName
    Names of the clones.
    .PARAMETER Linked
    Shares the disks of the source copy-on-write instead of copying them.
    .PARAMETER Checkpoint
    Clones from this checkpoint instead of the present disks.
    .PARAMETER Start
    Powers the clones on.
    .PARAMETER Cpus
    CPUs, instead of those of the source.
    .PARAMETER MemoryMiB
    Memory in MiB, instead of that of the source.
    .PARAMETER Network
    Networks with an interface each, instead of the interfaces of the source.
    .PARAMETER Nic
    Interfaces that are more than a network: @{ network = 'default'; address = '10.0.0.5' }.
    .PARAMETER UserData
    User data for cloud-init.
    .PARAMETER NetworkConfig
    Network configuration for cloud-init, with -UserData.
    .PARAMETER Label
    Labels: @{ env = 'test' }.
    .PARAMETER Notes
    Free text.
    .PARAMETER Protected
    Refuses to be deleted.
    .PARAMETER Name
    The VM to clone: its name, `host/name`, or its id.
    .PARAMETER Id
    Its id, as the objects of Get-PolyvirtVM have it.
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
    Copy-PolyvirtVM golden -NewName web-1, web-2 -Linked -Start
    .EXAMPLE
    Copy-PolyvirtVM golden -NewName big-1 -Cpus 8 -MemoryMiB 16384 -WhatIf
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string]$Id,
        [Parameter(Mandatory, Position = 1)] [string[]]$NewName,
        [switch]$Linked,
        [Alias('Snapshot')] [string]$Checkpoint,
        [switch]$Start,
        [int]$Cpus,
        [int]$MemoryMiB,
        [string[]]$Network,
        [hashtable[]]$Nic,
        [string]$UserData,
        [string]$NetworkConfig,
        [hashtable]$Label,
        [string]$Notes,
        [switch]$Protected,
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
        foreach ($clone in $NewName) {
            $body = [ordered]@{ name = $clone }
            $more = Select-Given $PSBoundParameters ([ordered]@{ Linked = 'linked'; Checkpoint = 'snapshot'; Start = 'start'; Cpus = 'cpus'
                    MemoryMiB = 'memoryMiB'; Label = 'labels'; Notes = 'notes'; Protected = 'protected'
                })
            foreach ($key in $more.Keys) { $body[$key] = $more[$key] }
            $nics = @(foreach ($one in $Network) { [ordered]@{ network = $one } }) + @($Nic | Where-Object { $null -ne $_ })
            if ($nics.Count -gt 0) { $body['nics'] = [object[]]$nics }
            if ($UserData) {
                $body['cloudInit'] = [ordered]@{ userData = $UserData }
                if ($NetworkConfig) { $body['cloudInit']['networkConfig'] = $NetworkConfig }
            }
            $vms = Get-VMName $PSCmdlet $(if ($Name) { $Name }) $(if ($Id) { $Id })
            Add-VMChange $changes $vms 'POST /api/v1/vms/{vmId}/clone' -Body $body -Action "Clone to $clone from"
        }
    }
    end { Complete-Change $changes $script:AnswerVM }
}
