# Hosts and what they have to offer.

function Get-PolyvirtHost {
    <#
    .SYNOPSIS
    Gets hosts, with state, health, capabilities and totals.
    .PARAMETER Id
    Ids, or patterns such as kvm-*; all hosts unless given.
    .PARAMETER Hypervisor
    Only of these hypervisors.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtHost | Where-Object state -ne ready
    .EXAMPLE
    (Get-PolyvirtHost kvm-local).capabilities.suspend
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Host')]
    param(
        [Parameter(Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('HostId')] [SupportsWildcards()] [string[]]$Id,
        [ValidateSet('kvm', 'vmware', 'nutanix')] [string[]]$Hypervisor,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
        foreach ($one in $(if ($Id) { $Id } else { '*' })) {
            try {
                $found = @(if ([WildcardPattern]::ContainsWildcardCharacters($one)) {
                        Get-Page $connection 'GET /api/v1/hosts' -As 'Polyvirt.Host' | Where-Object { $_.id -like $one }
                    } else { Invoke-Route $connection 'GET /api/v1/hosts/{hostId}' @{ hostId = $one } -As 'Polyvirt.Host' })
            } catch { Write-Problem $PSCmdlet $_ $one; continue }
            foreach ($item in $found) { if (-not $Hypervisor -or $item.hypervisor -in $Hypervisor) { $item } }
        }
    }
}

function New-PolyvirtHost {
    <#
    .SYNOPSIS
    Adds a host, and answers the line to run on it. The line works once, for 30 minutes.
    .PARAMETER Id
    What the host is to be called: lower-case letters, digits and hyphens.
    .PARAMETER Hypervisor
    What its agent looks after.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    (New-PolyvirtHost kvm-lab1 -Hypervisor kvm).command
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'Medium')]
    [OutputType('Polyvirt.JoinInvitation')]
    param(
        [Parameter(Mandatory, Position = 0)] [string]$Id,
        [Parameter(Mandatory)] [ValidateSet('kvm', 'vmware', 'nutanix')] [string]$Hypervisor,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    if (-not (Confirm-Here $PSCmdlet 'Add the host' $Id)) { return }
    $body = @{ id = $Id; hypervisor = $Hypervisor }
    try { Invoke-Route (Get-Session $Session) 'POST /api/v1/hosts' -Body $body -Header (New-IdempotencyHeader) -As 'Polyvirt.JoinInvitation' }
    catch { $PSCmdlet.ThrowTerminatingError($_) }
}

function Reset-PolyvirtHostKey {
    <#
    .SYNOPSIS
    Gives hosts another key: answers the line to run on each. The old key is good until a minute after that.
    .PARAMETER Id
    Ids of hosts; objects of Get-PolyvirtHost can be piped in.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    (Reset-PolyvirtHostKey kvm-lab1).command
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'Medium')]
    [OutputType('Polyvirt.JoinInvitation')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('HostId')] [string[]]$Id,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        foreach ($one in $Id) {
            if (-not (Confirm-Here $PSCmdlet 'Give another key to' $one)) { continue }
            try {
                Invoke-Route (Get-Session $Session) 'POST /api/v1/hosts/{hostId}/rotate' @{ hostId = $one } -Header (New-IdempotencyHeader) -As 'Polyvirt.JoinInvitation'
            } catch { Write-Problem $PSCmdlet $_ $one }
        }
    }
}

function Suspend-PolyvirtHost {
    <#
    .SYNOPSIS
    Has hosts take nothing new but stop, suspend, cancel and delete. What has begun goes on.
    .PARAMETER Id
    Ids of hosts; objects of Get-PolyvirtHost can be piped in.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Suspend-PolyvirtHost kvm-lab1
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'Medium')]
    [OutputType('Polyvirt.Host')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('HostId')] [string[]]$Id,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process { Set-HostDrain $PSCmdlet $Session $Id $true 'Drain the host' }
}

function Resume-PolyvirtHost {
    <#
    .SYNOPSIS
    Has hosts take commands again that were drained.
    .PARAMETER Id
    Ids of hosts; objects of Get-PolyvirtHost can be piped in.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtHost | Where-Object drain | Resume-PolyvirtHost
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'Medium')]
    [OutputType('Polyvirt.Host')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('HostId')] [string[]]$Id,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process { Set-HostDrain $PSCmdlet $Session $Id $false 'Take commands again on' }
}

function Set-HostDrain {
    param($Command, $Session, [string[]]$Id, [bool]$Draining, [string]$Action)
    foreach ($one in $Id) {
        if (-not (Confirm-Here $Command $Action $one)) { continue }
        try { Invoke-Route (Get-Session $Session) 'POST /api/v1/hosts/{hostId}/drain' @{ hostId = $one } -Body @{ draining = $Draining } -As 'Polyvirt.Host' }
        catch { Write-Problem $Command $_ $one }
    }
}

function Remove-PolyvirtHost {
    <#
    .SYNOPSIS
    Removes hosts: their agents lose the connection at once. Their VMs run on and are shown no more. Asks before.
    .PARAMETER Id
    Ids of hosts; objects of Get-PolyvirtHost can be piped in.
    .PARAMETER Force
    Also while operations of the host have not ended; they fail.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Remove-PolyvirtHost kvm-lab1
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('HostId')] [string[]]$Id,
        [switch]$Force,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        $query = @{}
        if ($Force) { $query['force'] = 'true' }
        foreach ($one in $Id) {
            if (-not (Confirm-Here $PSCmdlet 'Remove the host' $one -Dangerous)) { continue }
            try { Invoke-Route (Get-Session $Session) 'DELETE /api/v1/hosts/{hostId}' @{ hostId = $one } -Query $query }
            catch { Write-Problem $PSCmdlet $_ $one }
        }
    }
}

function Get-PolyvirtNetwork {
    <#
    .SYNOPSIS
    Gets the networks of hosts: what an interface can be on.
    .PARAMETER HostId
    Hosts; objects of Get-PolyvirtHost can be piped in. All hosts that are ready unless given.
    .PARAMETER Name
    Only with this name; patterns work.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtHost | Get-PolyvirtNetwork
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Network')]
    param(
        [Parameter(Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('Id')] [string[]]$HostId,
        [Parameter(Position = 1)] [SupportsWildcards()] [string]$Name = '*',
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try {
            $connection = Get-Session $Session
            if (-not $HostId) { $HostId = @(Get-ReadyHostId $connection) }
        } catch { $PSCmdlet.ThrowTerminatingError($_) }
        foreach ($one in $HostId) {
            try { $found = @(Get-Page $connection 'GET /api/v1/hosts/{hostId}/networks' @{ hostId = $one } -As 'Polyvirt.Network') }
            catch { Write-Problem $PSCmdlet $_ $one; continue }
            foreach ($item in $found) {
                if ($item.name -like $Name) { $item | Add-Member -NotePropertyName hostId -NotePropertyValue $one -PassThru }
            }
        }
    }
}

function Get-PolyvirtTemplate {
    <#
    .SYNOPSIS
    Gets the templates of hosts: what a new VM can be made from.
    .PARAMETER HostId
    Hosts; objects of Get-PolyvirtHost can be piped in. All hosts that are ready unless given.
    .PARAMETER Name
    Only with this name; patterns work.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtTemplate vmware-local
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Template')]
    param(
        [Parameter(Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('Id')] [string[]]$HostId,
        [Parameter(Position = 1)] [SupportsWildcards()] [string]$Name = '*',
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try {
            $connection = Get-Session $Session
            if (-not $HostId) { $HostId = @(Get-ReadyHostId $connection) }
        } catch { $PSCmdlet.ThrowTerminatingError($_) }
        foreach ($one in $HostId) {
            try { $found = @(Get-Page $connection 'GET /api/v1/hosts/{hostId}/templates' @{ hostId = $one } -As 'Polyvirt.Template') }
            catch { Write-Problem $PSCmdlet $_ $one; continue }
            foreach ($item in $found) {
                if ($item.name -like $Name) { $item | Add-Member -NotePropertyName hostId -NotePropertyValue $one -PassThru }
            }
        }
    }
}

function Get-ReadyHostId {
    param($Session)
    Get-Page $Session 'GET /api/v1/hosts' -As 'Polyvirt.Host' | Where-Object { $_.state -eq 'ready' } | ForEach-Object { $_.id }
}

function Get-PolyvirtProvider {
    <#
    .SYNOPSIS
    Gets the state of each hypervisor in short.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtProvider
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Provider')]
    param([PSTypeName('Polyvirt.Session')]$Session)
    Set-CallerPreference $PSCmdlet
    try { $found = (Invoke-Route (Get-Session $Session) 'GET /api/v1/providers/status').providers }
    catch { $PSCmdlet.ThrowTerminatingError($_) }
    foreach ($provider in $found) { Add-Record $provider 'Polyvirt.Provider' }
}

function Get-PolyvirtSummary {
    <#
    .SYNOPSIS
    Gets the numbers of a dashboard: hosts, VMs by state, CPUs, memory and load.
    .PARAMETER HostId
    Only over the VMs of these hosts.
    .PARAMETER State
    Only over the VMs in these states.
    .PARAMETER Hypervisor
    Only over the VMs of these hypervisors.
    .PARAMETER Label
    Only over the VMs with these labels.
    .PARAMETER Search
    Only over the VMs with this text in a name, id, address or label.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    (Get-PolyvirtSummary -Label env=test).vms.byState
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Summary')]
    param(
        [string[]]$HostId,
        [string[]]$State,
        [string[]]$Hypervisor,
        [string[]]$Label,
        [string]$Search,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    $query = @{}
    $given = Select-Given $PSBoundParameters @{ HostId = 'host'; State = 'state'; Hypervisor = 'hypervisor'; Label = 'label'; Search = 'q' }
    foreach ($key in $given.Keys) { $query[$key] = $given[$key] }
    try { Invoke-Route (Get-Session $Session) 'GET /api/v1/stats/summary' -Query $query -As 'Polyvirt.Summary' }
    catch { $PSCmdlet.ThrowTerminatingError($_) }
}
