# What VMs do: their measurements, guests, definitions and consoles, and everything that happens.

function Get-PolyvirtMetric {
    <#
    .SYNOPSIS
    Gets the last reading of VMs, or readings over time. What is not known is absent, never zero.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Recent
    The last 15 minutes instead of the last reading.
    .PARAMETER From
    Readings since this time.
    .PARAMETER To
    Readings up to this time, now unless said.
    .PARAMETER StepSeconds
    Seconds of a point.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtVM -State running | Get-PolyvirtMetric | Sort-Object cpuPercent -Descending
    .EXAMPLE
    (Get-PolyvirtMetric web-1 -From (Get-Date).AddDays(-7)).points
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.Metric', 'Polyvirt.MetricHistory')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [switch]$Recent,
        [datetime]$From,
        [datetime]$To,
        [ValidateRange(5, 86400)] [int]$StepSeconds,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin {
        Set-CallerPreference $PSCmdlet
        $ids = New-Object System.Collections.Generic.List[object]
        $range = @{}
        $given = Select-Given $PSBoundParameters @{ From = 'from'; To = 'to'; StepSeconds = 'step' }
        foreach ($key in $given.Keys) { $range[$key] = $given[$key] }
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
    }
    process {
        foreach ($one in (Get-VMName $PSCmdlet $Name $Id)) {
            try {
                $path = @{ vmId = (Resolve-VM $connection $one).Id }
                if ($Recent) { $ids.Add($path.vmId); continue }
                $found = if ($range.Count -gt 0) {
                    Invoke-Route $connection 'GET /api/v1/vms/{vmId}/metrics/history' $path $range -As 'Polyvirt.MetricHistory'
                } else { Invoke-Route $connection 'GET /api/v1/vms/{vmId}/metrics' $path -As 'Polyvirt.Metric' }
            } catch { Write-Problem $PSCmdlet $_ $one; continue }
            $found
        }
    }
    end {
        for ($at = 0; $at -lt $ids.Count; $at += 200) {
            $query = @{ ids = [object[]]$ids.GetRange($at, [math]::Min(200, $ids.Count - $at)).ToArray() }
            if ($StepSeconds -gt 0) { $query.step = $StepSeconds }
            try { $found = Invoke-Route $connection 'GET /api/v1/metrics/recent' -Query $query }
            catch { Write-Problem $PSCmdlet $_; continue }
            foreach ($item in @($found.items)) { Add-Record $item 'Polyvirt.MetricHistory' }
        }
    }
}

function Get-PolyvirtGuest {
    <#
    .SYNOPSIS
    Asks the guests of running VMs what they say of themselves: host name, operating system, addresses.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtGuest web-1
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.Guest')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
        foreach ($one in (Get-VMName $PSCmdlet $Name $Id)) {
            try { $found = Invoke-Route $connection 'GET /api/v1/vms/{vmId}/guest' @{ vmId = (Resolve-VM $connection $one).Id } -As 'Polyvirt.Guest' }
            catch { Write-Problem $PSCmdlet $_ $one; continue }
            $found
        }
    }
}

function Get-PolyvirtDefinition {
    <#
    .SYNOPSIS
    Gets the document that the hypervisor itself keeps of VMs: domain XML, .vmx file or Prism spec.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    (Get-PolyvirtDefinition web-1).text
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.Definition')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
        foreach ($one in (Get-VMName $PSCmdlet $Name $Id)) {
            try { $found = Invoke-Route $connection 'GET /api/v1/vms/{vmId}/definition' @{ vmId = (Resolve-VM $connection $one).Id } -As 'Polyvirt.Definition' }
            catch { Write-Problem $PSCmdlet $_ $one; continue }
            $found
        }
    }
}

function Request-PolyvirtConsole {
    <#
    .SYNOPSIS
    Gets a ticket for the console of a VM: the address of a WebSocket that opens once, within seconds.
    .DESCRIPTION
    For programs that speak RFB (VNC) or a terminal over WebSocket. The web console shows screens by itself.
    .PARAMETER Name
    Names of VMs; `host/name` where several hosts have one of that name, or an id.
    .PARAMETER Id
    Ids of VMs, as the objects of Get-PolyvirtVM have them.
    .PARAMETER Kind
    graphic, the screen with keyboard and mouse, or text, the terminal at the serial port.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    (Request-PolyvirtConsole web-1).url
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.ConsoleTicket')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [string[]]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [ValidateSet('graphic', 'text')] [string]$Kind = 'graphic',
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
        foreach ($one in (Get-VMName $PSCmdlet $Name $Id)) {
            try {
                $path = @{ vmId = (Resolve-VM $connection $one).Id }
                $ticket = Invoke-Route $connection 'POST /api/v1/vms/{vmId}/console' $path -Body @{ kind = $Kind } -Header (New-IdempotencyHeader) -As 'Polyvirt.ConsoleTicket'
            } catch { Write-Problem $PSCmdlet $_ $one; continue }
            $ticket.url = ($connection.Url -replace '^http', 'ws') + $ticket.url
            $ticket
        }
    }
}

function Get-PolyvirtEvent {
    <#
    .SYNOPSIS
    Gets what has happened since a cursor, or follows what happens.
    .DESCRIPTION
    Without -Follow it answers what is kept since -Since and ends when nothing more comes for -IdleSeconds. With -Follow
    it goes on, also when the gateway was away in between: nothing is missing and nothing comes twice. `cursor` of an
    event is what -Since takes.
    .PARAMETER Since
    The cursor of the last event that was seen; with 0 from the first that is kept. From now on unless given.
    .PARAMETER Type
    Types, such as vm.created or operation.*.
    .PARAMETER HostId
    Only of these hosts.
    .PARAMETER VmId
    Only about these VMs and their operations; objects of Get-PolyvirtVM can be piped in.
    .PARAMETER Follow
    Goes on until Ctrl-C, or -First.
    .PARAMETER First
    Ends after so many.
    .PARAMETER IdleSeconds
    Without -Follow, how long nothing may come, 2 s unless said.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtEvent -Since 0 -Type vm.*
    .EXAMPLE
    Get-PolyvirtEvent -Follow -Type vm.started -First 1
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Event')]
    param(
        [string]$Since,
        [string[]]$Type,
        [string[]]$HostId,
        [Parameter(ValueFromPipelineByPropertyName)] [string[]]$VmId,
        [switch]$Follow,
        [ValidateRange(1, 1000000)] [int]$First,
        [ValidateRange(1, 3600)] [int]$IdleSeconds = 2,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin {
        Set-CallerPreference $PSCmdlet
        $ids = New-Object System.Collections.Generic.List[object]
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
    }
    process { foreach ($one in $VmId) { $ids.Add($one) } }
    end {
        $query = @{}
        if ($Type) { $query.types = [object[]]$Type }
        if ($HostId) { $query.hosts = [object[]]$HostId }
        if ($ids.Count -gt 0) { $query.vm = $ids.ToArray() }
        $position = @{ Cursor = $Since; Left = $(if ($First -gt 0) { $First } else { -1 }) }
        while ($true) {
            if ($position.Cursor) { $query.since = $position.Cursor }
            try {
                Read-EventStream $connection $query $position $(if ($Follow) { 0 } else { $IdleSeconds })
            } catch {
                if (-not $Follow -or (Get-CodeOf $_) -notin 'unreachable', 'unavailable') { $PSCmdlet.ThrowTerminatingError($_) }
                Start-Sleep -Seconds 1
            }
            if (-not $Follow -or $position.Left -eq 0) { return }
        }
    }
}

function Read-EventStream {
    # Answers events until the stream ends, enough have come, or none has for so long; 0 waits for ever.
    param($Session, [hashtable]$Query, [hashtable]$Position, [int]$IdleSeconds)
    $method, $address = Get-Address 'GET /api/v1/events' @{} $Query
    $open = Send-WithCredential $Session $method $address -Open
    $reader = $null
    try {
        $stream = $open.Response.Content.ReadAsStreamAsync().Result
        $reader = New-Object System.IO.StreamReader $stream, ([System.Text.Encoding]::UTF8)
        $fields = @{}
        $last = [datetime]::UtcNow
        while ($Position.Left -ne 0) {
            $reading = $reader.ReadLineAsync()
            while ([System.Threading.Tasks.Task]::WaitAny([System.Threading.Tasks.Task[]]@($reading), 100) -lt 0) {
                if ($IdleSeconds -gt 0 -and ([datetime]::UtcNow - $last).TotalSeconds -gt $IdleSeconds) { return }
            }
            if ($reading.IsFaulted -or $null -eq $reading.Result) { return }
            $line = $reading.Result
            if ($line -ne '') {
                $name, $value = $line -split ': ?', 2
                if ($name) { $fields[$name] = $value }
                continue
            }
            if ($fields.data -and $fields.id) {
                $last = [datetime]::UtcNow
                $Position.Cursor = $fields.id
                $Position.Left--
                $happened = ConvertFrom-JsonText $fields.data
                if ($happened.time -is [string]) { $happened.time = ConvertTo-Time $happened.time }
                $happened | Add-Member -NotePropertyName cursor -NotePropertyValue $fields.id
                Add-Record $happened 'Polyvirt.Event'
            }
            $fields = @{}
        }
    } finally {
        $open.Cancel.Cancel()
        if ($null -ne $reader) { $reader.Dispose() }
        $open.Response.Dispose()
    }
}
