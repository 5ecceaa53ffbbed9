<#
.SYNOPSIS
Makes a VM from a template, as Auto-Creation-VM's New-VMFromClone.ps1 did.
.DESCRIPTION
A template is a VM of this name, or a template of a host. Without -NewName the VM is called after the template and the
time: ubuntu-template-20260115-093000.
.PARAMETER TemplateName
Name of the VM or of the template.
.PARAMETER NewName
Name of the new VM.
.PARAMETER HostId
Host of the template, where several have one of this name.
.PARAMETER Linked
Shares the disks of the template copy-on-write instead of copying them. For a VM as the template.
.PARAMETER Start
Powers it on.
.EXAMPLE
.\New-VMFromClone.ps1 -TemplateName "ubuntu-template"
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory, Position = 0)] [string]$TemplateName,
    [Parameter(Position = 1)] [string]$NewName,
    [string]$HostId,
    [switch]$Linked,
    [switch]$Start,
    [Parameter(ValueFromRemainingArguments)] [string[]]$Other
)
Import-Module "$PSScriptRoot/../Polyvirt/Polyvirt.psd1"
$ErrorActionPreference = 'Stop'

if ($Other) {
    throw "New-VMFromClone.ps1 does not know $($Other -join ' '). It takes -TemplateName, -NewName, -HostId, -Linked, -Start, -WhatIf."
}
if (-not $NewName) { $NewName = "$TemplateName-$([datetime]::Now.ToString('yyyyMMdd-HHmmss'))" }

$pattern = [WildcardPattern]::Escape($TemplateName)
$only = @{}
if ($HostId) { $only.HostId = $HostId }
$sources = @(Get-PolyvirtVM $TemplateName @only -ErrorAction Ignore | Where-Object { $_.name -ceq $TemplateName })
# A template that is a VM too is cloned as one: that can be linked.
$templates = @(if ($sources.Count -eq 0) { Get-PolyvirtTemplate @only -Name $pattern -ErrorAction Ignore })
$found = $sources.Count + $templates.Count
if ($found -eq 0) {
    $known = (Get-PolyvirtTemplate @only -ErrorAction Ignore | ForEach-Object { "$($_.hostId)/$($_.name)" }) -join ', '
    throw "There is no template and no VM `"$TemplateName`". Templates: $(if ($known) { $known } else { 'none' })."
}
if ($found -gt 1) {
    $hosts = (@($sources | ForEach-Object { $_.host }) + @($templates | ForEach-Object { $_.hostId })) -join ', '
    throw "`"$TemplateName`" is on several hosts: $hosts. Say -HostId."
}
if ($sources.Count -eq 1) { return $sources[0] | Copy-PolyvirtVM -NewName $NewName -Linked:$Linked -Start:$Start }
if ($Linked) { throw '-Linked is for a VM as the template; a template of a host is copied.' }
New-PolyvirtVM $NewName -HostId $templates[0].hostId -Template $templates[0].name -Start:$Start
