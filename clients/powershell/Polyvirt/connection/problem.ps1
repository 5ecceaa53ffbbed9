# Problems of the API as error records: `$_.FullyQualifiedErrorId` begins with the code of the problem.

$script:CategoryOfCode = @{
    'unauthenticated'        = 'AuthenticationError'
    'forbidden'              = 'PermissionDenied'
    'confirmation-required'  = 'SecurityError'
    'vm-busy'                = 'ResourceBusy'
    'vm-protected'           = 'PermissionDenied'
    'name-taken'             = 'ResourceExists'
    'capability-missing'     = 'NotImplemented'
    'host-rejected'          = 'InvalidResult'
    'timed-out'              = 'OperationTimeout'
    'expired'                = 'OperationTimeout'
    'insufficient-capacity'  = 'LimitsExceeded'
    'too-many-requests'      = 'LimitsExceeded'
}

# What to do about it here, beyond what the problem says itself.
$script:AdviceOfCode = @{
    'unauthenticated'       = 'Log in with Connect-PolyvirtSession.'
    'confirmation-required' = 'Run Confirm-PolyvirtPassword, or give -Password.'
    'vm-busy'               = 'Get-PolyvirtOperation shows what is running; Wait-PolyvirtOperation waits for it.'
    'host-offline'          = 'With -Queue the change waits until the host is back.'
    'stale-revision'        = 'Read it again, look at what has changed, and repeat.'
    'vm-protected'          = 'Set-PolyvirtVM -Protected $false allows it.'
}

function Get-CategoryOfProblem {
    param($Problem)
    if ($script:CategoryOfCode.ContainsKey([string]$Problem.code)) { return $script:CategoryOfCode[[string]$Problem.code] }
    switch ([int]$Problem.status) {
        400 { return 'InvalidArgument' }
        401 { return 'AuthenticationError' }
        403 { return 'PermissionDenied' }
        404 { return 'ObjectNotFound' }
        { $_ -in 409, 412 } { return 'InvalidOperation' }
        503 { return 'ResourceUnavailable' }
        504 { return 'OperationTimeout' }
    }
    if ([int]$Problem.status -lt 500) { return 'InvalidArgument' }
    'NotSpecified'
}

function New-ProblemRecord {
    param($Problem, $Target)
    $lines = @([string]$Problem.detail)
    foreach ($fault in @($Problem.errors)) {
        if ($null -ne $fault -and -not $lines[0].Contains([string]$fault.detail)) { $lines += "  $($fault.pointer): $($fault.detail)" }
    }
    $ids = @([string]$Problem.code)
    if ($Problem.operationId) { $ids += "operation $($Problem.operationId)" }
    if ($Problem.requestId) { $ids += "request $($Problem.requestId)" }
    $told = "$($lines -join [Environment]::NewLine) ($($ids -join ', '))"
    $advice = $script:AdviceOfCode[[string]$Problem.code]
    $message = if ($advice) { "$told $advice" } else { $told }
    $exception = New-Object System.InvalidOperationException $message
    $exception.Data['Code'] = [string]$Problem.code
    $exception.Data['Problem'] = $Problem
    $category = Get-CategoryOfProblem $Problem
    $record = New-Object System.Management.Automation.ErrorRecord $exception, ([string]$Problem.code), $category, $Target
    if ($advice) {
        # PowerShell 7 shows what is recommended in a line of its own; Windows PowerShell does not.
        $shown = if ($PSVersionTable.PSEdition -eq 'Desktop') { $message } else { $told }
        $record.ErrorDetails = New-Object System.Management.Automation.ErrorDetails $shown
        $record.ErrorDetails.RecommendedAction = $advice
    }
    $record
}

function ConvertTo-ProblemRecord {
    param($Response, $Session)
    $problem = $null
    try { $problem = ConvertFrom-JsonText $Response.Text } catch { Write-Debug "no JSON: $_" }
    if ($null -eq $problem -or -not $problem.code) {
        $where = if ($Response.Location) { " It points to $($Response.Location): is that the address?" }
        $problem = [pscustomobject]@{
            code = 'unexpected-answer'; status = $Response.Status
            detail = "$($Session.Url) answers $($Response.Status) and is no Polyvirt gateway, or something stands before it.$where"
        }
    }
    New-ProblemRecord $problem $null
}

function New-ClientError {
    # What this module refuses itself.
    param([string]$Code, [string]$Category, [string]$Message, $Target)
    $exception = New-Object System.InvalidOperationException $Message
    $exception.Data['Code'] = $Code
    New-Object System.Management.Automation.ErrorRecord $exception, $Code, $Category, $Target
}

function Get-CodeOf {
    param($ErrorRecord)
    [string]$ErrorRecord.Exception.Data['Code']
}

function Write-Problem {
    # The error of a cmdlet, which goes on with its next object.
    param($Cmdlet, $ErrorRecord, $Target)
    Clear-Caught $Cmdlet
    $record = $ErrorRecord
    if ($null -ne $Target -and $null -eq $record.TargetObject) {
        $code = ($record.FullyQualifiedErrorId -split ',')[0]
        $details = $record.ErrorDetails
        $record = New-Object System.Management.Automation.ErrorRecord $record.Exception, $code, $record.CategoryInfo.Category, $Target
        if ($null -ne $details) { $record.ErrorDetails = $details }
    }
    $Cmdlet.WriteError($record)
}

function Clear-Caught {
    # PowerShell keeps what was thrown and caught inside a command in $Error and -ErrorVariable too: one failure would
    # be several. What a command has written has its name behind the code; what it only caught has not.
    param($Cmdlet)
    $lists = @(, $global:Error)
    $name = [string]$Cmdlet.MyInvocation.BoundParameters['ErrorVariable']
    if ($name) { $lists += , $Cmdlet.SessionState.PSVariable.GetValue($name.TrimStart('+')) }
    foreach ($list in $lists) {
        if ($list -isnot [System.Collections.ArrayList]) { continue }
        foreach ($one in $list.ToArray()) {
            $record = if ($one -is [System.Management.Automation.ErrorRecord]) { $one } else { $one.ErrorRecord }
            if ($null -ne $record -and $record.Exception.Data['Code'] -and -not $record.FullyQualifiedErrorId.Contains(',')) { $list.Remove($one) }
        }
    }
}

function Set-CallerPreference {
    # A module does not see the preferences of the script that calls it: $WhatIfPreference = $true would change things.
    param($Cmdlet)
    $ofParameter = [ordered]@{
        ErrorAction = 'ErrorActionPreference'; WarningAction = 'WarningPreference'; Verbose = 'VerbosePreference'
        WhatIf = 'WhatIfPreference'; Confirm = 'ConfirmPreference'
    }
    foreach ($parameter in $ofParameter.Keys) {
        if ($Cmdlet.MyInvocation.BoundParameters.ContainsKey($parameter)) { continue }
        $name = $ofParameter[$parameter]
        $value = $Cmdlet.SessionState.PSVariable.GetValue($name)
        if ($null -ne $value) { Set-Variable -Name $name -Value $value -Scope 1 -WhatIf:$false -Confirm:$false }
    }
}
