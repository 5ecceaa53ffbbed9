<#
.SYNOPSIS
The actions of Auto-Creation-VM's vm_manager.ps1, done by the module Polyvirt.
.DESCRIPTION
With -Action create a name is enough: the VM is made on the first VMware host that is ready, else on the first host that
is, with 1 CPU, 1024 MiB of memory and a disk of 20 GiB. All of it can be said, or preset in the environment:
POLYVIRT_DEFAULT_HOST, _CPUS, _MEMORY (2048 in MiB, or 2G) and _DISK (20 in GiB, or 20G), as for the program vm_manager.
.PARAMETER Action
What to do: list, create, clone, start, stop, delete.
.PARAMETER Name
Name of the VM; of the new one where one is made.
.PARAMETER Source
With clone: the VM to clone.
.PARAMETER HostId
With create: the host. With list: only of this host.
.PARAMETER Cpus
With create: CPUs.
.PARAMETER MemoryMiB
With create: memory in MiB.
.PARAMETER DiskGiB
With create: size of its disk in GiB.
.PARAMETER Image
With create: image of its disk, instead of a blank one.
.PARAMETER Start
With create and clone: powers it on.
.PARAMETER Force
With stop: pulls the plug. With delete: does not ask.
.EXAMPLE
.\vm_manager.ps1 -Action list
.EXAMPLE
.\vm_manager.ps1 -Action create -Name "test-vm"
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Position = 0)] [ValidateSet('list', 'create', 'clone', 'start', 'stop', 'delete')] [string]$Action = 'list',
    [Parameter(Position = 1)] [string]$Name,
    [string]$Source,
    [string]$HostId,
    [int]$Cpus,
    [int]$MemoryMiB,
    [int]$DiskGiB,
    [string]$Image,
    [switch]$Start,
    [switch]$Force,
    [Parameter(ValueFromRemainingArguments)] [string[]]$Other
)
Import-Module "$PSScriptRoot/../Polyvirt/Polyvirt.psd1"
$ErrorActionPreference = 'Stop'

function ConvertFrom-Size {
    # A number of MiB of `2G`, `512M`, or of a number in the unit that is meant without one.
    param([string]$Text, [string]$Unit)
    if ($Text -notmatch '^(\d+)\s*([MGT]?)(i?B)?$') { throw "`"$Text`" is no size; those look like 2048, 512M or 2G." }
    $factor = @{ M = 1; G = 1024; T = 1024 * 1024 }
    [long]$Matches[1] * $factor[$(if ($Matches[2]) { $Matches[2] } else { $Unit })]
}

$needed = @{ create = 'Name'; clone = 'Source', 'Name'; start = 'Name'; stop = 'Name'; delete = 'Name' }
if ($Other) {
    throw "vm_manager.ps1 does not know $($Other -join ' '). It takes -Action, -Name, -Source, -HostId, -Cpus, -MemoryMiB, -DiskGiB, -Image, -Start, -Force, -WhatIf."
}
foreach ($parameter in $needed[$Action]) {
    if (-not $PSBoundParameters[$parameter]) { throw "-Action $Action needs -$parameter." }
}

switch ($Action) {
    'list' {
        $only = @{}
        if ($HostId) { $only.HostId = $HostId }
        Get-PolyvirtVM @only
    }
    'create' {
        $preset = @{ HostId = $env:POLYVIRT_DEFAULT_HOST; Cpus = $env:POLYVIRT_DEFAULT_CPUS }
        if ($env:POLYVIRT_DEFAULT_MEMORY) { $preset.MemoryMiB = ConvertFrom-Size $env:POLYVIRT_DEFAULT_MEMORY 'M' }
        $vm = @{ Name = $Name; Start = $Start }
        foreach ($parameter in 'HostId', 'Cpus', 'MemoryMiB') {
            if ($PSBoundParameters.ContainsKey($parameter)) { $vm[$parameter] = $PSBoundParameters[$parameter] }
            elseif ($preset[$parameter]) { $vm[$parameter] = $preset[$parameter] }
        }
        if (-not $vm.HostId) {
            $ready = @(Get-PolyvirtHost | Where-Object { $_.state -eq 'ready' } | Sort-Object { $_.hypervisor -ne 'vmware' }, id)
            if ($ready.Count -eq 0) { throw 'No host is ready. Get-PolyvirtHost says why; -HostId chooses one.' }
            $vm.HostId = $ready[0].id
        }
        if ($Image) { $vm.Image = $Image }
        elseif ($DiskGiB -gt 0) { $vm.DiskGiB = $DiskGiB }
        elseif ($env:POLYVIRT_DEFAULT_DISK) { $vm.DiskGiB = [math]::Ceiling((ConvertFrom-Size $env:POLYVIRT_DEFAULT_DISK 'G') / 1024) }
        else { $vm.DiskGiB = 20 }
        $disk = if ($Image) { "image $Image" } else { "$($vm.DiskGiB) GiB disk" }
        Write-Warning "Creating $Name on $($vm.HostId), $disk. Others: -HostId, -Cpus, -MemoryMiB, -DiskGiB, -Image."
        New-PolyvirtVM @vm
    }
    'clone' { Copy-PolyvirtVM $Source -NewName $Name -Start:$Start }
    'start' { Start-PolyvirtVM $Name }
    'stop' { Stop-PolyvirtVM $Name -Force:$Force }
    'delete' { Remove-PolyvirtVM $Name -Confirm:(-not $Force) }
}
