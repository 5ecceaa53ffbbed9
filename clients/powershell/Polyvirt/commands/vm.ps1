# VMs: found, changed and removed.

# What VMs are called that were seen, for who is told of one by its id.
$script:NameOfVM = @{}

function Test-VMId {
    param([string]$Text)
    $Text -cmatch '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?~[A-Za-z0-9_-]{1,128}$'
}

function Resolve-VM {
    # Id and name of the one VM that a text means: an id, `host/name`, or a name that no other has.
    param($Session, [string]$Text)
    if (Test-VMId $Text) {
        $known = $script:NameOfVM[$Text]
        return [pscustomobject]@{ Id = $Text; Name = $(if ($known) { $known } else { $Text }) }
    }
    $found = @(Get-Page $Session 'GET /api/v1/vms' -Query @{ name = @(, $Text) } -As 'Polyvirt.VM' | Where-Object { $_.name -ceq $Text })
    $slash = $Text.IndexOf('/')
    if ($found.Count -eq 0 -and $slash -gt 0) {
        $hostId = $Text.Substring(0, $slash)
        $name = $Text.Substring($slash + 1)
        $found = @(Get-Page $Session 'GET /api/v1/vms' -Query @{ name = @(, $name); host = $hostId } -As 'Polyvirt.VM' |
                Where-Object { $_.name -ceq $name })
    }
    if ($found.Count -eq 1) { return $found[0] }
    if ($found.Count -gt 1) {
        $candidates = ($found | ForEach-Object { "$($_.host)/$($_.name)" }) -join ', '
        throw (New-ClientError 'name-ambiguous' 'InvalidArgument' "$($found.Count) VMs are called `"$Text`"; say which: $candidates." $Text)
    }
    $advice = if ([WildcardPattern]::ContainsWildcardCharacters($Text)) { "Patterns are for Get-PolyvirtVM: Get-PolyvirtVM '$Text' | ..." }
    else { 'Get-PolyvirtVM shows those that there are.' }
    throw (New-ClientError 'vm-not-found' 'ObjectNotFound' "There is no VM `"$Text`". $advice" $Text)
}

function Get-VMName {
    # Of the parameters of a cmdlet, what its VMs are called; throws where -Id has something else, as the id of a host.
    param($Cmdlet, [string[]]$Name, [string[]]$Id)
    foreach ($one in $Id) {
        if (Test-VMId $one) { $one; continue }
        Write-Problem $Cmdlet (New-ClientError 'invalid-input' 'InvalidArgument' "`"$one`" is no id of a VM; those look like kvm-lab1~4b2c." $one) $one
    }
    foreach ($one in $Name) { $one }
}

function Get-PolyvirtVM {
    <#
    .SYNOPSIS
    Gets VMs of all hosts.
    .DESCRIPTION
    Lists come from the memory of the gateway, so that a host that is down slows nothing; `observedAt` says when a VM
    was seen. Sizes are numbers, and what is not known is absent.
    .PARAMETER Name
    Names, or patterns such as web-*; all VMs unless given.
    .PARAMETER Id
    Ids of VMs.
    .PARAMETER HostId
    Only of these hosts; objects of Get-PolyvirtHost can be piped in.
    .PARAMETER State
    Only in one of these states.
    .PARAMETER Hypervisor
    Only of these hypervisors.
    .PARAMETER Label
    Only with these labels: `env=test`, or `env` with any value.
    .PARAMETER Template
    Only templates; with -Template:$false everything else.
    .PARAMETER Search
    Only with this text in a name, id, address or label.
    .PARAMETER Sort
    By what, `name` unless said; a minus in front reverses.
    .PARAMETER First
    At most so many.
    .PARAMETER Fresh
    Asks the host instead of the memory of the gateway; only with -Id.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtVM web-* -State running
    .EXAMPLE
    Get-PolyvirtVM -Label env=test | Sort-Object memoryMiB -Descending | Select-Object name, memoryMiB
    .EXAMPLE
    Get-PolyvirtHost kvm-lab1 | Get-PolyvirtVM
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [SupportsWildcards()] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [Parameter(ParameterSetName = 'Name')] [string[]]$HostId,
        [Parameter(ParameterSetName = 'Name')]
        [ValidateSet('running', 'stopped', 'paused', 'suspended', 'crashed', 'unknown')] [string[]]$State,
        [Parameter(ParameterSetName = 'Name')] [ValidateSet('kvm', 'vmware', 'nutanix')] [string[]]$Hypervisor,
        [Parameter(ParameterSetName = 'Name')] [string[]]$Label,
        [Parameter(ParameterSetName = 'Name')] [switch]$Template,
        [Parameter(ParameterSetName = 'Name')] [string]$Search,
        [Parameter(ParameterSetName = 'Name')] [string]$Sort,
        [Parameter(ParameterSetName = 'Name')] [ValidateRange(1, 1000000)] [int]$First,
        [Parameter(ParameterSetName = 'Id')] [switch]$Fresh,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
        if ($PSCmdlet.ParameterSetName -eq 'Id' -and $null -ne $_ -and $_.PSObject.TypeNames -contains 'Polyvirt.Host') {
            try { $found = @(Get-Page $connection 'GET /api/v1/vms' -Query @{ host = $Id } -As 'Polyvirt.VM') }
            catch { Write-Problem $PSCmdlet $_ $Id; return }
            return $found
        }
        foreach ($one in $Id) {
            if (-not (Test-VMId $one)) { [void](Get-VMName $PSCmdlet -Id $one); continue }
            $query = if ($Fresh) { @{ fresh = $true } } else { @{} }
            try { $found = Invoke-Route $connection 'GET /api/v1/vms/{vmId}' @{ vmId = $one } $query -As 'Polyvirt.VM' }
            catch { Write-Problem $PSCmdlet $_ $one; continue }
            $found
        }
        if ($PSCmdlet.ParameterSetName -eq 'Id') { return }
        $filter = Select-Given $PSBoundParameters ([ordered]@{
                HostId = 'host'; State = 'state'; Hypervisor = 'hypervisor'; Label = 'label'; Search = 'q'; Sort = 'sort'
            })
        if ($PSBoundParameters.ContainsKey('Template')) { $filter.template = [bool]$Template }
        foreach ($one in $(if ($Name) { $Name } else { '*' })) {
            $query = @{}
            foreach ($key in $filter.Keys) { $query[$key] = $filter[$key] }
            $isPattern = [WildcardPattern]::ContainsWildcardCharacters($one)
            if (-not $isPattern) { $query.name = @(, $one) }
            # Only what the pattern leaves of it counts.
            $atMost = if ($isPattern -and $one -ne '*') { 0 } else { $First }
            $count = 0
            try {
                if (-not $isPattern -and (Test-VMId $one)) {
                    $found = @(Invoke-Route $connection 'GET /api/v1/vms/{vmId}' @{ vmId = $one } -As 'Polyvirt.VM')
                } else {
                    $found = @(Get-Page $connection 'GET /api/v1/vms' -Query $query -As 'Polyvirt.VM' -First $atMost)
                }
            } catch { Write-Problem $PSCmdlet $_ $one; continue }
            foreach ($vm in $found) {
                if ($isPattern -and $vm.name -notlike $one) { continue }
                if ($First -gt 0 -and $count -ge $First) { break }
                $count++
                $vm
            }
            if ($count -eq 0 -and -not $isPattern -and $filter.Count -eq 0) {
                Write-Problem $PSCmdlet (New-ClientError 'vm-not-found' 'ObjectNotFound' "There is no VM `"$one`". Get-PolyvirtVM shows those that there are." $one) $one
            }
        }
    }
}

function Set-PolyvirtVM {
    <#
    .SYNOPSIS
    Changes name, CPUs and memory of VMs, whether they are templates, and what is known of them; live where the hypervisor can.
    .DESCRIPTION
    What cannot be changed while it runs applies at the next power-off, and a warning says so. -WhatIf shows beforehand
    what would change when, and what the guest would suffer.
    .PARAMETER NewName
    Its new name.
    .PARAMETER Cpus
    CPUs.
    .PARAMETER MemoryMiB
    Memory in MiB.
    .PARAMETER BootOrder
    What it tries to boot from, one after the other: disk, cdrom, network. What is not in it is not tried.
    .PARAMETER Template
    Whether it is a template, which is cloned and does not start: $true or $false.
    .PARAMETER Autostart
    Whether it is powered on when its host starts: $true or $false.
    .PARAMETER Label
    Labels in place of all that it has: @{ env = 'test' }.
    .PARAMETER Notes
    Free text.
    .PARAMETER Protected
    Whether it refuses to be deleted: $true or $false.
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
    Set-PolyvirtVM web-1 -Cpus 4 -MemoryMiB 4096 -WhatIf
    .EXAMPLE
    Set-PolyvirtVM web-base -Template $true
    .EXAMPLE
    Get-PolyvirtVM -Label env=test | Set-PolyvirtVM -Protected $true
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [string]$NewName,
        [int]$Cpus,
        [int]$MemoryMiB,
        [ValidateSet('disk', 'cdrom', 'network')] [string[]]$BootOrder,
        [bool]$Template,
        [bool]$Autostart,
        [hashtable]$Label,
        [string]$Notes,
        [bool]$Protected,
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
                NewName = 'name'; Cpus = 'cpus'; MemoryMiB = 'memoryMiB'; BootOrder = 'bootOrder'; Label = 'labels'; Notes = 'notes'
                Protected = 'protected'; Template = 'template'; Autostart = 'autostart'
            })
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'PATCH /api/v1/vms/{vmId}' -Body $body -Action 'Change'
    }
    end { Complete-Change $changes $script:AnswerVM }
}

function Remove-PolyvirtVM {
    <#
    .SYNOPSIS
    Deletes VMs that are powered off. Their archive folders stay.
    .DESCRIPTION
    Asks before, with what would be lost; -Confirm:$false does not.
    .PARAMETER KeepDisks
    Keeps the disks. A disk that another VM uses is always kept.
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
    Remove-PolyvirtVM web-1
    .EXAMPLE
    Get-PolyvirtVM -Label class=3b -State stopped | Remove-PolyvirtVM -Confirm:$false
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [switch]$KeepDisks,
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
        $query = if ($KeepDisks) { @{ disks = 'keep' } } else { @{} }
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'DELETE /api/v1/vms/{vmId}' -Query $query -Action 'Delete' -Dangerous
    }
    end { Complete-Change $changes }
}

function Clear-PolyvirtPendingChange {
    <#
    .SYNOPSIS
    Withdraws what waits for the next power-off of VMs; they keep what they have.
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
    Clear-PolyvirtPendingChange web-1
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.VM')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
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
        $vms = Get-VMName $PSCmdlet $Name $Id
        Add-VMChange $changes $vms 'DELETE /api/v1/vms/{vmId}/pending-changes' -Action 'Withdraw pending changes of'
    }
    end { Complete-Change $changes $script:AnswerVM }
}
