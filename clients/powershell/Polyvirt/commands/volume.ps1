# Volumes: disks on a host that no VM has.

function Get-PolyvirtVolume {
    <#
    .SYNOPSIS
    Gets the volumes of hosts: disks that no VM has, kept or left or found.
    .PARAMETER HostId
    Hosts; objects of Get-PolyvirtHost can be piped in. All hosts that are ready unless given.
    .PARAMETER Name
    Only with this name; patterns work.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtVolume | Sort-Object usedGiB -Descending
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Volume')]
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
            try { $found = @(Get-Page $connection 'GET /api/v1/hosts/{hostId}/volumes' @{ hostId = $one } -As 'Polyvirt.Volume') }
            catch { Write-Problem $PSCmdlet $_ $one; continue }
            foreach ($item in $found) {
                if ($item.name -like $Name) { $item | Add-Member -NotePropertyName hostId -NotePropertyValue $one -PassThru }
            }
        }
    }
}

function Remove-PolyvirtVolume {
    <#
    .SYNOPSIS
    Deletes volumes with all that is on them. Asks before.
    .PARAMETER HostId
    Host of the volume, as the objects of Get-PolyvirtVolume have it.
    .PARAMETER Volume
    Ids of volumes; objects of Get-PolyvirtVolume can be piped in.
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
    Get-PolyvirtVolume kvm-lab1 | Where-Object modifiedAt -lt (Get-Date).AddYears(-1) | Remove-PolyvirtVolume
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [string]$HostId,
        [Parameter(Mandatory, Position = 1, ValueFromPipelineByPropertyName)] [Alias('Id')] [string[]]$Volume,
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
        foreach ($one in $Volume) {
            $path = @{ hostId = $HostId; volume = $one }
            $target = if ($null -ne $_ -and $_.name) { "the volume $($_.name)" } else { "the volume $one" }
            Add-Change $changes 'DELETE /api/v1/hosts/{hostId}/volumes/{volume}' $path -Action 'Delete' -Target $target -TargetObject $one -Dangerous
        }
    }
    end { Complete-Change $changes }
}
