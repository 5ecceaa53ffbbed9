# The audit, and everything else that the API has.

function Get-PolyvirtAudit {
    <#
    .SYNOPSIS
    Gets who did what, from where, and how it ended; the newest first.
    .PARAMETER Actor
    Only of these: ada, or ada/ci for her token ci.
    .PARAMETER Action
    Only of these actions: vm.start.
    .PARAMETER Target
    Only to these targets.
    .PARAMETER Outcome
    Only with one of these outcomes.
    .PARAMETER From
    Not before this time.
    .PARAMETER To
    Before this time.
    .PARAMETER First
    At most so many, 50 unless said.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtAudit -Actor ada -From (Get-Date).AddDays(-1)
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.AuditRecord')]
    param(
        [string[]]$Actor,
        [string[]]$Action,
        [string[]]$Target,
        [ValidateSet('accepted', 'succeeded', 'failed', 'cancelled', 'refused')] [string[]]$Outcome,
        [datetime]$From,
        [datetime]$To,
        [ValidateRange(1, 1000000)] [int]$First = 50,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    $query = Get-AuditQuery $PSBoundParameters
    try { $found = @(Get-Page (Get-Session $Session) 'GET /api/v1/audit' -Query $query -As 'Polyvirt.AuditRecord' -First $First) }
    catch { $PSCmdlet.ThrowTerminatingError($_) }
    $found
}

function Get-AuditQuery {
    param([System.Collections.IDictionary]$Bound)
    $query = @{}
    $given = Select-Given $Bound @{ Actor = 'actor'; Action = 'action'; Target = 'target'; Outcome = 'outcome'; From = 'from'; To = 'to' }
    foreach ($key in $given.Keys) { $query[$key] = $given[$key] }
    $query
}

function Export-PolyvirtAudit {
    <#
    .SYNOPSIS
    Writes the audit to a file, a line of JSON for each record, the oldest first.
    .PARAMETER Path
    File to write.
    .PARAMETER Actor
    Only of these: ada, or ada/ci for her token ci.
    .PARAMETER Action
    Only of these actions: vm.start.
    .PARAMETER From
    Not before this time.
    .PARAMETER To
    Before this time.
    .PARAMETER Force
    Overwrites a file that is there.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Export-PolyvirtAudit audit.ndjson -From 2026-01-01
    #>
    [CmdletBinding()]
    [OutputType([System.IO.FileInfo])]
    param(
        [Parameter(Mandatory, Position = 0)] [string]$Path,
        [string[]]$Actor,
        [string[]]$Action,
        [datetime]$From,
        [datetime]$To,
        [switch]$Force,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    try {
        $file = $PSCmdlet.GetUnresolvedProviderPathFromPSPath($Path)
        if ([System.IO.File]::Exists($file) -and -not $Force) {
            throw (New-ClientError 'file-exists' 'ResourceExists' "$file is there already; -Force overwrites it." $file)
        }
        $answer = Invoke-Route (Get-Session $Session) 'GET /api/v1/audit/export' -Query (Get-AuditQuery $PSBoundParameters) -Raw
        [System.IO.File]::WriteAllBytes($file, $answer.Bytes)
        [System.IO.FileInfo]$file
    } catch { $PSCmdlet.ThrowTerminatingError($_) }
}

function Test-PolyvirtAudit {
    <#
    .SYNOPSIS
    Looks whether the audit is as it was written: what was changed, removed or added since.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    (Test-PolyvirtAudit).intact
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.AuditVerdict')]
    param([PSTypeName('Polyvirt.Session')]$Session)
    Set-CallerPreference $PSCmdlet
    try { Invoke-Route (Get-Session $Session) 'GET /api/v1/audit/verify' -As 'Polyvirt.AuditVerdict' }
    catch { $PSCmdlet.ThrowTerminatingError($_) }
}

function Invoke-PolyvirtApi {
    <#
    .SYNOPSIS
    Calls any route of the API, with the session, its renewal and its errors.
    .PARAMETER Path
    Path below the address of the gateway, with its query: /api/v1/vms?state=running.
    .PARAMETER Method
    GET unless said.
    .PARAMETER Body
    Body: a hashtable, an object, or JSON as text.
    .PARAMETER Header
    More headers.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    (Invoke-PolyvirtApi '/api/v1/vms?limit=5').items
    .EXAMPLE
    Invoke-PolyvirtApi /api/v1/vms/kvm-lab1~4b2c -Method PATCH -Body @{ notes = 'mine' }
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(Mandatory, Position = 0)] [string]$Path,
        [ValidateSet('GET', 'POST', 'PUT', 'PATCH', 'DELETE')] [string]$Method = 'GET',
        $Body,
        [hashtable]$Header = @{},
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    if ($Method -ne 'GET' -and -not (Confirm-Here $PSCmdlet $Method $Path -Dangerous:($Method -eq 'DELETE'))) { return }
    $sent = $Body
    try {
        if ($Body -is [string]) { $sent = ConvertFrom-JsonText $Body }
        if ($Method -eq 'POST' -and -not $Header.ContainsKey('Idempotency-Key')) { $Header = $Header + (New-IdempotencyHeader) }
        $address = if ($Path.StartsWith('/')) { $Path } else { "/$Path" }
        $answer = Send-WithCredential (Get-Session $Session) $Method $address $sent $Header
    } catch { $PSCmdlet.ThrowTerminatingError($_) }
    if ($answer.Status -eq 204 -or $answer.Text -eq '') { return }
    try { ConvertFrom-JsonText $answer.Text } catch { $answer.Text }
}
