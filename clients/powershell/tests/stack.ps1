# For the tests that talk to the stack: the module, a folder in which `npm start` seems to run, and names of their own.
Import-Module "$PSScriptRoot/../Polyvirt/Polyvirt.psd1" -Force
Set-Location -LiteralPath $Stack.folder

function Get-FreshName { param([string]$Prefix = 'vm') "$Prefix-$([guid]::NewGuid().ToString('N').Substring(0, 8))" }
function Get-Secret { param([string]$Text) ConvertTo-SecureString $Text -AsPlainText -Force }
function Get-Admin { [pscredential]::new('admin', (Get-Secret $Stack.password)) }
function New-TestVM {
    # A VM that is off; the caller need not remove it, as the stack goes with its hosts.
    param([string]$Name = (Get-FreshName), [string]$HostId = 'lab-kvm', [switch]$Start)
    New-PolyvirtVM $Name -HostId $HostId -DiskGiB 1 -Start:$Start -ErrorAction Stop
}
