# Archives: the permanent folder of each VM.

function Get-PolyvirtArchive {
    <#
    .SYNOPSIS
    Gets the archive folders of VMs, the newest first; they stay when a VM is deleted.
    .PARAMETER VmId
    Ids of VMs; objects of Get-PolyvirtVM can be piped in.
    .PARAMETER Search
    Only with this text in its name.
    .PARAMETER Deleted
    Only of VMs that were deleted ($true), or that were not ($false).
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtArchive -Deleted $true
    .EXAMPLE
    (Get-PolyvirtVM web-1 | Get-PolyvirtArchive).files
    #>
    [CmdletBinding(DefaultParameterSetName = 'Filter')]
    [OutputType('Polyvirt.Archive')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [Alias('Id')] [string[]]$VmId,
        [Parameter(ParameterSetName = 'Filter')] [string]$Search,
        [Parameter(ParameterSetName = 'Filter')] [bool]$Deleted,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
        foreach ($one in $VmId) {
            try { $found = Invoke-Route $connection 'GET /api/v1/archives/{vmId}' @{ vmId = $one } -As 'Polyvirt.Archive' }
            catch { Write-Problem $PSCmdlet $_ $one; continue }
            $found
        }
        if ($PSCmdlet.ParameterSetName -eq 'Id') { return }
        $query = @{}
        if ($Search) { $query.q = $Search }
        if ($PSBoundParameters.ContainsKey('Deleted')) { $query.deleted = $Deleted }
        try { $found = @(Get-Page $connection 'GET /api/v1/archives' -Query $query -As 'Polyvirt.Archive') }
        catch { Write-Problem $PSCmdlet $_; return }
        $found
    }
}

function Save-PolyvirtArchiveFile {
    <#
    .SYNOPSIS
    Saves files of an archive here.
    .PARAMETER VmId
    Id of the VM.
    .PARAMETER Path
    Path of the file in the archive, as `files` of Get-PolyvirtArchive has it.
    .PARAMETER Destination
    Folder or file to save it as; the present folder unless said. A file that is there is not overwritten without -Force.
    .PARAMETER Force
    Overwrites.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Save-PolyvirtArchiveFile kvm-lab1~4b2c README.md
    #>
    [CmdletBinding()]
    [OutputType([System.IO.FileInfo])]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [string]$VmId,
        [Parameter(Mandatory, Position = 1)] [string[]]$Path,
        [Parameter(Position = 2)] [string]$Destination = '.',
        [switch]$Force,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try { $connection = Get-Session $Session } catch { $PSCmdlet.ThrowTerminatingError($_) }
        foreach ($one in $Path) {
            try {
                # The folder of PowerShell is not that of the process, which .NET would take.
                $file = $PSCmdlet.GetUnresolvedProviderPathFromPSPath($Destination)
                if ([System.IO.Directory]::Exists($file)) { $file = [System.IO.Path]::Combine($file, ($one -split '/')[-1]) }
                if ([System.IO.File]::Exists($file) -and -not $Force) {
                    throw (New-ClientError 'file-exists' 'ResourceExists' "$file is there already; -Force overwrites it." $file)
                }
                $answer = Invoke-Route $connection 'GET /api/v1/archives/{vmId}/files/{path}' @{ vmId = $VmId; path = $one } -Raw
                [System.IO.File]::WriteAllBytes($file, $answer.Bytes)
            } catch { Write-Problem $PSCmdlet $_ $one; continue }
            [System.IO.FileInfo]$file
        }
    }
}
