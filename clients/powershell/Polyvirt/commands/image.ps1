# Images of hosts: what disks and CD-ROM drives of VMs are made from.

function Get-PolyvirtImage {
    <#
    .SYNOPSIS
    Gets the images of hosts: what a disk or the CD-ROM drive of a new VM can take.
    .PARAMETER HostId
    Hosts; objects of Get-PolyvirtHost can be piped in. All hosts that are ready unless given.
    .PARAMETER Name
    Only with this name; patterns work.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtImage kvm-local
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Image')]
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
            try { $found = @(Get-Page $connection 'GET /api/v1/hosts/{hostId}/images' @{ hostId = $one } -As 'Polyvirt.Image') }
            catch { Write-Problem $PSCmdlet $_ $one; continue }
            foreach ($item in $found) {
                if ($item.name -like $Name) { $item | Add-Member -NotePropertyName hostId -NotePropertyValue $one -PassThru }
            }
        }
    }
}

function Add-PolyvirtImage {
    <#
    .SYNOPSIS
    Adds an image to hosts: one that they fetch, or a file of yours.
    .DESCRIPTION
    What the image is (a disk, an ISO) the host finds out by its content. A download or an upload that is interrupted is continued.
    .PARAMETER HostId
    Hosts that are to have it.
    .PARAMETER Name
    What it will be called there, without the ending of a file.
    .PARAMETER Url
    Where the host fetches it from, by http or https.
    .PARAMETER File
    A file of yours, which is uploaded first, once for all of the hosts.
    .PARAMETER Sha256
    The SHA-256 that it must have, in hexadecimal; else it is not kept.
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
    Add-PolyvirtImage kvm-lab1 debian-13 -Url https://cloud.debian.org/images/cloud/trixie/latest/debian-13-generic-amd64.qcow2
    .EXAMPLE
    Add-PolyvirtImage kvm-lab1, kvm-lab2 rescue -File .\rescue.iso
    .EXAMPLE
    Get-PolyvirtHost kvm-* | ForEach-Object { Add-PolyvirtImage $_.id rescue -Url $url -Sha256 $hash -NoWait }
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Url')]
    [OutputType('Polyvirt.Image')]
    param(
        [Parameter(Mandatory, Position = 0)] [string[]]$HostId,
        [Parameter(Mandatory, Position = 1)] [string]$Name,
        [Parameter(Mandatory, ParameterSetName = 'Url')] [string]$Url,
        [Parameter(Mandatory, ParameterSetName = 'File')] [string]$File,
        [string]$Sha256,
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
        $sent = $null
        if ($File) {
            # A plan would need the upload itself.
            if ($WhatIfPreference -and -not $PSCmdlet.ShouldProcess("the image $Name to $($HostId -join ', ')", "Upload $File and add")) { return }
            try { $sent = Send-File $changes.Session ($PSCmdlet.GetUnresolvedProviderPathFromPSPath($File)) }
            catch { Write-Problem $PSCmdlet $_ $File; return }
        }
        foreach ($one in $HostId) {
            $body = Select-Given $PSBoundParameters ([ordered]@{ Name = 'name'; Url = 'url'; Sha256 = 'sha256' })
            if ($sent) {
                $body['upload'] = $sent.Id
                # What arrives at the host is then what was read here.
                if (-not $Sha256) { $body['sha256'] = $sent.Sha256 }
            }
            $add = @{ Action = 'Add'; Target = "the image $Name to $one"; TargetObject = $Name }
            Add-Change $changes 'POST /api/v1/hosts/{hostId}/images' @{ hostId = $one } -Body $body @add
        }
    }
    end {
        Complete-Change $changes {
            param($Session, $Operation)
            Get-Page $Session 'GET /api/v1/hosts/{hostId}/images' @{ hostId = $Operation.host } -As 'Polyvirt.Image' |
                Where-Object name -EQ $Name |
                Add-Member -NotePropertyName hostId -NotePropertyValue $Operation.host -PassThru
        }
    }
}

function Remove-PolyvirtImage {
    <#
    .SYNOPSIS
    Deletes images of hosts. Asks before. One that a VM needs stays.
    .PARAMETER HostId
    Host of the image, as the objects of Get-PolyvirtImage have it.
    .PARAMETER Name
    Names of images; objects of Get-PolyvirtImage can be piped in.
    .PARAMETER Kind
    disk or iso, where one of each has the name.
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
    Get-PolyvirtImage kvm-lab1 old-* | Remove-PolyvirtImage
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [string]$HostId,
        [Parameter(Mandatory, Position = 1, ValueFromPipelineByPropertyName)] [string[]]$Name,
        [Parameter(ValueFromPipelineByPropertyName)] [ValidateSet('disk', 'iso')] [string]$Kind,
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
        $query = @{}
        if ($Kind) { $query['kind'] = $Kind }
        foreach ($one in $Name) {
            $path = @{ hostId = $HostId; image = $one }
            $remove = @{ Action = 'Delete'; Target = "the image $one of $HostId"; TargetObject = $one; Dangerous = $true }
            Add-Change $changes 'DELETE /api/v1/hosts/{hostId}/images/{image}' $path $query @remove
        }
    }
    end { Complete-Change $changes }
}
