# Waiting for operations, with their steps, the time that has passed and the deadline.

function Wait-Change {
    # Answers each when it has ended. What has not at the deadline is an error, and continues.
    param($Cmdlet, $Session, $Changes, [int]$WaitSeconds)
    $waiting = New-Object System.Collections.Generic.List[object]
    foreach ($change in $Changes) { $waiting.Add($change) }
    if ($waiting.Count -eq 0) { return }
    $total = $waiting.Count
    $began = [datetime]::UtcNow
    $deadline = $began.AddSeconds($WaitSeconds)
    $pauseMs = 50
    $lost = $null
    $activity = "$($waiting[0].Action) $(if ($total -eq 1) { $waiting[0].Target } else { "$total VMs" })"
    $isOver = $false
    try {
        while ($waiting.Count -gt 0) {
            foreach ($change in $waiting.ToArray()) {
                try {
                    $change.Operation = Get-OperationNow $Session $change.Operation
                    $lost = $null
                } catch {
                    $code = Get-CodeOf $_
                    if ($code -notin 'unreachable', 'unavailable', 'internal', 'unexpected-answer') { throw }
                    # It is restarted, or the network is: the operation has nothing to do with that.
                    $lost = $code
                }
                if (Test-Ended $change.Operation) {
                    [void]$waiting.Remove($change)
                    $change
                }
            }
            if ($waiting.Count -eq 0) { break }
            $elapsed = [int]([datetime]::UtcNow - $began).TotalSeconds
            if ([datetime]::UtcNow -gt $deadline) { break }
            Write-WaitProgress $activity $waiting $total $elapsed $WaitSeconds $lost
            Start-Sleep -Milliseconds $pauseMs
            $pauseMs = [math]::Min(1000, [int]($pauseMs * 1.5))
        }
        $isOver = $true
    } finally {
        # In finally, as Ctrl-C ends everything else.
        if (-not $isOver) {
            foreach ($change in $waiting) {
                $Host.UI.WriteWarningLine("$($change.Action) $($change.Target) continues: Wait-PolyvirtOperation $($change.Operation.id)")
            }
        }
        Write-Progress -Activity $activity -Completed
    }
    foreach ($change in $waiting) {
        $id = $change.Operation.id
        $message = "$($change.Action) $($change.Target) has not ended after $WaitSeconds s and continues. Wait-PolyvirtOperation $id waits on, Stop-PolyvirtOperation $id cancels it."
        Write-Problem $Cmdlet (New-ClientError 'timed-out' 'OperationTimeout' $message $change.Operation) $change.Operation
    }
}

function Test-Ended {
    param($Operation)
    $Operation.status -notin 'pending', 'running'
}

function Get-OperationNow {
    param($Session, $Operation)
    if (Test-Ended $Operation) { return $Operation }
    Invoke-Route $Session 'GET /api/v1/operations/{operationId}' @{ operationId = $Operation.id } -As 'Polyvirt.Operation'
}

function Write-WaitProgress {
    param([string]$Activity, $Waiting, [int]$Total, [int]$Elapsed, [int]$WaitSeconds, [string]$Lost)
    $first = $Waiting[0]
    $step = @($first.Operation.steps | Where-Object { $_.status -eq 'running' })
    $name = if ($step.Count -gt 0) { $step[-1].name } else { $first.Operation.status }
    $far = if ($Total -gt 1) { "$($Total - $Waiting.Count) of $Total done; $($first.Target): " }
    $status = "$far$name, $Elapsed of at most $WaitSeconds s"
    if ($Lost) { $status = "The gateway is not reachable; the change continues. Trying again, $Elapsed of at most $WaitSeconds s" }
    $percent = if ($Total -gt 1) { 100 * ($Total - $Waiting.Count) / $Total } else { [double]$first.Operation.progress }
    Write-Progress -Activity $Activity -Status $status -PercentComplete ([math]::Min(100, [int]$percent))
}
