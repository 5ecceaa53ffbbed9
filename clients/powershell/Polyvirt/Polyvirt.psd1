@{
    RootModule           = 'Polyvirt.psm1'
    ModuleVersion        = '0.1.0'
    GUID                 = '6f1d3c52-2f0a-4f5e-9a52-7c5c7f1b8a40'
    Author               = 'The authors of Polyvirt'
    CompanyName          = 'Polyvirt'
    Copyright            = 'MIT licensed.'
    Description          = 'VMs on VMware Workstation, Nutanix AHV and KVM, through a Polyvirt gateway.'
    PowerShellVersion    = '5.1'
    CompatiblePSEditions = 'Desktop', 'Core'
    DotNetFrameworkVersion = '4.5'
    FormatsToProcess     = 'Polyvirt.Format.ps1xml'
    TypesToProcess       = 'Polyvirt.Types.ps1xml'
    FunctionsToExport    = @(
        'Add-PolyvirtDisk',
        'Add-PolyvirtImage',
        'Add-PolyvirtNic',
        'Checkpoint-PolyvirtVM',
        'Clear-PolyvirtPendingChange',
        'Confirm-PolyvirtPassword',
        'Connect-PolyvirtSession',
        'Copy-PolyvirtVM',
        'Disconnect-PolyvirtSession',
        'Export-PolyvirtAudit',
        'Get-PolyvirtArchive',
        'Get-PolyvirtAudit',
        'Get-PolyvirtCheckpoint',
        'Get-PolyvirtDefinition',
        'Get-PolyvirtEvent',
        'Get-PolyvirtGuest',
        'Get-PolyvirtHost',
        'Get-PolyvirtImage',
        'Get-PolyvirtLogin',
        'Get-PolyvirtMetric',
        'Get-PolyvirtNetwork',
        'Get-PolyvirtOperation',
        'Get-PolyvirtPreference',
        'Get-PolyvirtProvider',
        'Get-PolyvirtSession',
        'Get-PolyvirtSubscriber',
        'Get-PolyvirtSummary',
        'Get-PolyvirtTemplate',
        'Get-PolyvirtToken',
        'Get-PolyvirtUser',
        'Get-PolyvirtVM',
        'Get-PolyvirtVolume',
        'Invoke-PolyvirtApi',
        'Invoke-PolyvirtBatch',
        'New-PolyvirtHost',
        'New-PolyvirtLoginLink',
        'New-PolyvirtSubscriber',
        'New-PolyvirtToken',
        'New-PolyvirtUser',
        'New-PolyvirtVM',
        'Remove-PolyvirtCheckpoint',
        'Remove-PolyvirtDisk',
        'Remove-PolyvirtHost',
        'Remove-PolyvirtImage',
        'Remove-PolyvirtLogin',
        'Remove-PolyvirtNic',
        'Remove-PolyvirtSubscriber',
        'Remove-PolyvirtToken',
        'Remove-PolyvirtUser',
        'Remove-PolyvirtVM',
        'Remove-PolyvirtVolume',
        'Request-PolyvirtConsole',
        'Reset-PolyvirtHostKey',
        'Resize-PolyvirtDisk',
        'Restart-PolyvirtOperation',
        'Restart-PolyvirtVM',
        'Restore-PolyvirtVM',
        'Resume-PolyvirtHost',
        'Resume-PolyvirtVM',
        'Save-PolyvirtArchiveFile',
        'Set-PolyvirtCdrom',
        'Set-PolyvirtNic',
        'Set-PolyvirtPassword',
        'Set-PolyvirtPreference',
        'Set-PolyvirtUser',
        'Set-PolyvirtVM',
        'Start-PolyvirtVM',
        'Stop-PolyvirtOperation',
        'Stop-PolyvirtVM',
        'Suspend-PolyvirtHost',
        'Suspend-PolyvirtVM',
        'Test-PolyvirtAudit',
        'Unlock-PolyvirtUser',
        'Wait-PolyvirtOperation'
    )
    CmdletsToExport      = @()
    VariablesToExport    = @()
    AliasesToExport      = @(
        'Connect-Polyvirt', 'Disconnect-Polyvirt', 'Get-PolyvirtSnapshot', 'Remove-PolyvirtSnapshot', 'Restore-PolyvirtCheckpoint'
    )
    PrivateData          = @{
        PSData = @{
            Tags       = 'VM', 'KVM', 'VMware', 'Nutanix', 'Virtualization'
            LicenseUri = 'https://opensource.org/licenses/MIT'
        }
    }
}
