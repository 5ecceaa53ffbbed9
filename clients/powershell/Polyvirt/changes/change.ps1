# How a change is asked for: planned where somebody wants to see the plan first, sent, and waited for at the end.

function New-IdempotencyHeader {
    @{ 'Idempotency-Key' = [guid]::NewGuid().ToString() }
}

function New-ChangeList {
    # What a cmdlet has asked for, until its end. The changes of a pipeline run side by side.
    param($Cmdlet, [System.Collections.IDictionary]$Bound)
    $waitSeconds = if ($Bound.ContainsKey('WaitSeconds')) { $Bound['WaitSeconds'] } else { 600 }
    $waits = -not ($Bound['NoWait'] -or ($Bound.ContainsKey('Wait') -and -not $Bound['Wait']))
    $list = @{
        Cmdlet = $Cmdlet; Session = $null; Waits = $waits; WaitSeconds = $waitSeconds; Queue = [bool]$Bound['Queue']
        Running = New-Object System.Collections.Generic.List[object]
    }
    try {
        $list.Session = Get-Session $Bound['Session']
    } catch {
        $Cmdlet.ThrowTerminatingError($_)
    }
    $list
}

function Add-Change {
    # Sends a change. With -WhatIf it answers its plan instead; before a question the plan is in the question.
    param(
        [hashtable]$List, [string]$Route, [hashtable]$Path = @{}, [hashtable]$Query = @{}, $Body,
        [string]$Action, [string]$Target, $TargetObject, [switch]$Dangerous, [hashtable]$Header = @{}
    )
    $cmdlet = $List.Cmdlet
    try {
        if ($List.Queue) {
            if ($Route -like 'DELETE *') { $Query = $Query + @{ whenOffline = 'queue' } } else { $Body['whenOffline'] = 'queue' }
        }
        if ($WhatIfPreference -or (Test-Asks -Dangerous:$Dangerous)) {
            $type = if ($Route -like '*/batch') { 'Polyvirt.BatchPlan' } else { 'Polyvirt.Plan' }
            $plan = Invoke-Route $List.Session $Route $Path ($Query + @{ dryRun = $true }) $Body -Header $Header -As $type
            $plan | Add-Member -NotePropertyMembers ([ordered]@{ action = $Action; target = $Target })
            $told = "$Action $Target. Disruption: $($plan.disruption)."
            foreach ($warning in @($plan.warnings)) { if ($null -ne $warning) { $told += " $($warning.detail)" } }
            if (-not (Test-Agreed $cmdlet $told "$told`nContinue?" $Action)) {
                if ($WhatIfPreference) { return $plan }
                return
            }
        }
        if ($Route -like 'POST *') { $Header = $Header + (New-IdempotencyHeader) }
        $operation = Invoke-Route $List.Session $Route $Path $Query $Body -Header $Header -As 'Polyvirt.Operation'
    } catch {
        Write-Problem $cmdlet $_ $TargetObject
        return
    }
    $List.Running.Add(@{ Operation = $operation; Target = $Target; TargetObject = $TargetObject; Action = $Action })
}

function Test-Asks {
    # Whether a question comes: always where -Confirm or $ConfirmPreference wants it, else before what may lose something.
    param([switch]$Dangerous)
    $ConfirmPreference -in 'Low', 'Medium' -or ($Dangerous -and $ConfirmPreference -eq 'High')
}

function Complete-Change {
    # Waits for what was asked for and answers what has become of it, as soon as each has ended.
    param([hashtable]$List, [scriptblock]$Answer)
    if (-not $List.Waits) {
        foreach ($one in $List.Running) { $one.Operation }
        return
    }
    Wait-Change $List.Cmdlet $List.Session $List.Running $List.WaitSeconds | ForEach-Object {
        $ended = $_
        $operation = $ended.Operation
        if ($operation.status -ne 'succeeded') {
            Write-Problem $List.Cmdlet (Get-OutcomeRecord $operation) $ended.TargetObject
            return
        }
        if ($operation.changed -eq $false) { Write-Verbose "$($ended.Target): was so already" }
        Clear-Caught $List.Cmdlet
        Write-Outcome $List.Cmdlet $operation $ended.Target
        if ($null -eq $Answer) { return }
        try {
            & $Answer $List.Session $operation
        } catch {
            Write-Problem $List.Cmdlet $_ $ended.TargetObject
        }
    }
}

function Get-OutcomeRecord {
    param($Operation)
    if ($null -ne $Operation.error) { return New-ProblemRecord $Operation.error $null }
    New-ClientError "operation-$($Operation.status)" 'OperationStopped' "The operation $($Operation.id) ($($Operation.verb)) is $($Operation.status)." $Operation
}

function Write-Outcome {
    # What whoever asked has to know although it went well.
    param($Cmdlet, $Operation, [string]$Target)
    foreach ($note in @($Operation.result.notes)) { if ($note) { $Cmdlet.WriteWarning("${Target}: $note") } }
    foreach ($change in @($Operation.result.pendingChanges)) {
        if ($null -ne $change) { $Cmdlet.WriteWarning("${Target}: $($change.pointer) applies at the next power-off.") }
    }
}

$script:AnswerVM = {
    param($Session, $Operation)
    $vmId = if ($Operation.result.vmId) { $Operation.result.vmId } else { $Operation.vmId }
    Invoke-Route $Session 'GET /api/v1/vms/{vmId}' @{ vmId = $vmId } -As 'Polyvirt.VM'
}

function Add-VMChange {
    # The same change of each of the VMs that are named.
    param(
        [hashtable]$List, [string[]]$VM, [string]$Route, [hashtable]$Path = @{}, [hashtable]$Query = @{}, $Body,
        [string]$Action, [switch]$Dangerous, [hashtable]$Header = @{}
    )
    foreach ($one in $VM) {
        try {
            $found = Resolve-VM $List.Session $one
        } catch {
            Write-Problem $List.Cmdlet $_ $one
            continue
        }
        $change = @{
            List = $List; Route = $Route; Path = $Path + @{ vmId = $found.Id }; Query = $Query; Action = $Action
            Target = $found.Name; TargetObject = $one; Dangerous = $Dangerous; Header = $Header
        }
        if ($null -ne $Body) {
            $own = [ordered]@{}
            foreach ($key in $Body.Keys) { $own[$key] = $Body[$key] }
            $change.Body = $own
        }
        Add-Change @change
    }
}

function Confirm-Here {
    # For a change that has no plan: -WhatIf says what would be done, and a question comes where one is wanted.
    param($Cmdlet, [string]$Action, [string]$Target, [switch]$Dangerous)
    if (-not $WhatIfPreference -and -not (Test-Asks -Dangerous:$Dangerous)) { return $true }
    try { return Test-Agreed $Cmdlet "$Action $Target." "$Action ${Target}?" $Action }
    catch { $Cmdlet.ThrowTerminatingError($_) }
}

function Test-Agreed {
    # What ShouldProcess says; where it cannot ask, an error that says how to do without.
    param($Cmdlet, [string]$Told, [string]$Question, [string]$Action)
    try {
        return $Cmdlet.ShouldProcess($Told, $Question, $Action)
    } catch {
        throw (New-ClientError 'confirmation-needed' 'InvalidOperation' "$Told There is nobody to ask, as PowerShell is NonInteractive; with -Confirm:`$false it is done unasked. Nothing was done.")
    }
}
