<#
.SYNOPSIS
Creates a VM on Nutanix AHV, as Auto-Creation-VM's New-NutanixVM.ps1 did.
.DESCRIPTION
A name is enough: the VM is made on the first Nutanix host that is ready, with 1 CPU, 1024 MiB of memory and a disk of
20 GiB.
.PARAMETER VMName
Name of the VM.
.PARAMETER HostId
The host, where there are several of Nutanix.
.PARAMETER Cpus
CPUs.
.PARAMETER MemoryMiB
Memory in MiB.
.PARAMETER DiskGiB
Size of its disk in GiB.
.PARAMETER Image
Image of its disk, instead of a blank one.
.PARAMETER Network
Its network.
.PARAMETER Start
Powers it on.
.EXAMPLE
.\New-NutanixVM.ps1 -VMName "nutanix-vm"
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory, Position = 0)] [string]$VMName,
    [string]$HostId,
    [int]$Cpus,
    [int]$MemoryMiB,
    [int]$DiskGiB = 20,
    [string]$Image,
    [string]$Network,
    [switch]$Start,
    [Parameter(ValueFromRemainingArguments)] [string[]]$Other
)
Import-Module "$PSScriptRoot/../Polyvirt/Polyvirt.psd1"
$ErrorActionPreference = 'Stop'

if ($Other) {
    throw "New-NutanixVM.ps1 does not know $($Other -join ' '). It takes -VMName, -HostId, -Cpus, -MemoryMiB, -DiskGiB, -Image, -Network, -Start, -WhatIf."
}
if (-not $HostId) {
    $ready = @(Get-PolyvirtHost -Hypervisor nutanix | Where-Object { $_.state -eq 'ready' } | Sort-Object id)
    if ($ready.Count -eq 0) { throw 'No Nutanix host is ready. Get-PolyvirtHost -Hypervisor nutanix says why.' }
    $HostId = $ready[0].id
}
$vm = @{ Name = $VMName; HostId = $HostId; Start = $Start }
foreach ($parameter in 'Cpus', 'MemoryMiB', 'Network') {
    if ($PSBoundParameters.ContainsKey($parameter)) { $vm[$parameter] = $PSBoundParameters[$parameter] }
}
if ($Image) { $vm.Image = $Image } else { $vm.DiskGiB = $DiskGiB }
New-PolyvirtVM @vm
