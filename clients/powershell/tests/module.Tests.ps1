BeforeDiscovery {
    Import-Module "$PSScriptRoot/../Polyvirt/Polyvirt.psd1" -Force
    $commands = Get-Command -Module Polyvirt -CommandType Function | ForEach-Object { @{ Name = $_.Name; Command = $_ } }
}

Describe 'The module' {
    BeforeAll {
        $script:base = (Resolve-Path "$PSScriptRoot/../Polyvirt").Path
        $script:common = [System.Management.Automation.PSCmdlet]::CommonParameters + [System.Management.Automation.PSCmdlet]::OptionalCommonParameters
        $script:views = [xml](Get-Content -Raw "$base/Polyvirt.Format.ps1xml")
    }

    It 'has a manifest that holds' {
        Test-ModuleManifest "$base/Polyvirt.psd1" -ErrorAction Stop | Should -Not -BeNullOrEmpty
    }

    It 'exports every command, and nothing that is private' {
        $written = Get-ChildItem $base -Recurse -Filter *.ps1 |
            ForEach-Object { [regex]::Matches((Get-Content -Raw $_.FullName), '(?m)^function (\w+-Polyvirt\w+)') } | ForEach-Object { $_.Groups[1].Value }
        (Import-PowerShellDataFile "$base/Polyvirt.psd1").FunctionsToExport | Should -Be ($written | Sort-Object)
        (Get-Command -Module Polyvirt -CommandType Function).Name | Sort-Object | Should -Be ($written | Sort-Object)
    }

    It 'is in the documentation, every command of it and no other' {
        $page = Get-Content -Raw "$PSScriptRoot/../../../docs/powershell.md"
        $told = [regex]::Matches($page, '`([A-Z]\w+-Polyvirt\w*)') | ForEach-Object { $_.Groups[1].Value } | Sort-Object -Unique
        $known = (Get-Command -Module Polyvirt).Name
        $known | Where-Object { $_ -notin $told } | Should -BeNullOrEmpty
        $told | Where-Object { $_ -notin $known } | Should -BeNullOrEmpty
    }

    It 'has aliases that lead to a command' {
        $aliases = (Import-PowerShellDataFile "$base/Polyvirt.psd1").AliasesToExport
        (Get-Command -Module Polyvirt -CommandType Alias).Name | Sort-Object | Should -Be ($aliases | Sort-Object)
        Get-Command -Module Polyvirt -CommandType Alias | ForEach-Object { $_.ResolvedCommand } | Should -Not -Contain $null
    }

    It 'has no file beyond 400 lines' {
        Get-ChildItem $base, "$base/../scripts", $PSScriptRoot -Recurse -Include *.ps1, *.psm1 |
            Where-Object { @(Get-Content $_.FullName).Count -gt 400 } | ForEach-Object Name | Should -BeNullOrEmpty
    }

    It 'has commands with approved verbs and singular nouns' {
        $commands = Get-Command -Module Polyvirt -CommandType Function
        $commands | Where-Object { $_.Verb -notin (Get-Verb).Verb -or $_.Noun -match '[^s]s$' } | Should -BeNullOrEmpty
    }

    It '<Name> says what it does, explains every parameter, and has examples that name nothing but what there is' -ForEach $commands {
        $help = Get-Help $Name -Full
        $help.Synopsis | Should -Not -Match "^\s*$Name"
        $explained = @($help.parameters.parameter | Where-Object { $_.description.Text } | ForEach-Object name)
        $Command.Parameters.Keys | Where-Object { $_ -notin $common -and $_ -notin $explained } | Should -BeNullOrEmpty
        $written = [regex]::Matches($Command.Definition, '(?m)^\s*\.PARAMETER (\w+)') | ForEach-Object { $_.Groups[1].Value }
        $written | Where-Object { -not $Command.Parameters.ContainsKey($_) } | Should -BeNullOrEmpty
        @($help.examples.example).Count | Should -BeGreaterThan 0
        foreach ($example in @($help.examples.example)) {
            $ast = [System.Management.Automation.Language.Parser]::ParseInput($example.code, [ref]$null, [ref]$null)
            foreach ($used in $ast.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true)) {
                $found = Get-Command $used.GetCommandName() -ErrorAction Stop
                foreach ($element in $used.CommandElements | Where-Object { $_ -is [System.Management.Automation.Language.CommandParameterAst] }) {
                    { $found.ResolveParameter($element.ParameterName) } | Should -Not -Throw -Because $example.code
                }
            }
        }
    }

    It 'has changes that all show a plan, wait or do not, and for how long' {
        $changes = Get-Command -Module Polyvirt -CommandType Function | Where-Object { $_.Parameters.ContainsKey('Queue') }
        @($changes).Count | Should -BeGreaterThan 10
        $same = 'WhatIf', 'Confirm', 'Queue', 'Wait', 'NoWait', 'WaitSeconds', 'Session'
        foreach ($change in $changes) { $same | Where-Object { $_ -notin $change.Parameters.Keys } | Should -BeNullOrEmpty -Because $change.Name }
    }

    It 'has commands that all take a session, but for those that make one' {
        Get-Command -Module Polyvirt -CommandType Function | Where-Object { -not $_.Parameters.ContainsKey('Session') } |
            ForEach-Object Name | Should -Be 'Connect-PolyvirtSession'
    }

    It 'has a view for every type, but for those that are few fields' {
        # Of what is made, the secret has to be seen.
        $plain = 'Polyvirt.CreatedToken', 'Polyvirt.CreatedSubscriber', 'Polyvirt.JoinInvitation', 'Polyvirt.LoginLink', 'Polyvirt.Summary', 'Polyvirt.Guest', 'Polyvirt.Definition', 'Polyvirt.ConsoleTicket', 'Polyvirt.MetricHistory', 'Polyvirt.Preference', 'Polyvirt.AuditVerdict'
        $types = (Get-Command -Module Polyvirt -CommandType Function).OutputType.Name | Where-Object { $_ -like 'Polyvirt.*' } | Sort-Object -Unique
        $types | Where-Object { $_ -notin $plain -and $_ -notin $views.Configuration.ViewDefinitions.View.ViewSelectedBy.TypeName } | Should -BeNullOrEmpty
    }

    It 'lets choose among exactly what the API lets choose among' {
        $document = [System.Text.Json.JsonDocument]::Parse((Get-Content -Raw "$PSScriptRoot/../../../api/openapi.json")).RootElement
        $enums = New-Object System.Collections.Generic.HashSet[string]
        $look = {
            param($Element)
            if ($Element.ValueKind -eq 'Array') { foreach ($one in $Element.EnumerateArray()) { & $look $one } }
            if ($Element.ValueKind -ne 'Object') { return }
            foreach ($property in $Element.EnumerateObject()) {
                if ($property.Name -eq 'enum' -and $property.Value.ValueKind -eq 'Array') {
                    [void]$enums.Add((@($property.Value.EnumerateArray() | ForEach-Object { "$_" } | Sort-Object) -join ','))
                } else { & $look $property.Value }
            }
        }
        & $look $document.GetProperty('components')
        $checked = foreach ($command in Get-Command -Module Polyvirt -CommandType Function | Where-Object Name -ne 'Invoke-PolyvirtApi') {
            foreach ($parameter in $command.Parameters.Values) {
                foreach ($set in $parameter.Attributes | Where-Object { $_ -is [ValidateSet] }) {
                    $enums | Should -Contain (($set.ValidValues | Sort-Object) -join ',') -Because "$($command.Name) -$($parameter.Name)"
                    $parameter.Name
                }
            }
        }
        $checked | Should -Contain 'Action'
    }

    It 'has a category for codes that the API has' {
        $codes = (Get-Content -Raw "$PSScriptRoot/../../../api/openapi.json" | ConvertFrom-Json -AsHashtable).components.schemas.Problem.properties.code.enum
        InModuleScope Polyvirt -Parameters @{ Codes = $codes } {
            param($Codes)
            @($script:CategoryOfCode.Keys) + @($script:AdviceOfCode.Keys) | Where-Object { $_ -notin $Codes } | Should -BeNullOrEmpty
            foreach ($category in $script:CategoryOfCode.Values) { [System.Management.Automation.ErrorCategory]$category | Should -Not -BeNullOrEmpty }
        }
    }

    It 'keeps an address where it is, whatever is put into it' {
        InModuleScope Polyvirt {
            (Get-Address 'GET /api/v1/vms/{vmId}/snapshots/{snapshot}' @{ vmId = 'a~b'; snapshot = 'x/../?#é' })[1] |
                Should -Be '/api/v1/vms/a~b/snapshots/x%2F..%2F%3F%23%C3%A9'
            { Get-Address 'DELETE /api/v1/vms/{vmId}/snapshots/{snapshot}' @{ vmId = 'a~b'; snapshot = '..' } } | Should -Throw '*cannot be part of an address*'
            { Get-Address 'GET /api/v1/archives/{vmId}/files/{path}' @{ vmId = 'a~b'; path = 'x/../y' } } | Should -Throw '*cannot be part of an address*'
            (Get-Address 'GET /api/v1/vms' @{} @{ name = @(, 'a,b\c'); fresh = $true; none = $null })[1] | Should -Be '/api/v1/vms?fresh=true&name=a%5C%2Cb%5C%5Cc'
        }
    }

    It 'writes JSON that says the same' {
        InModuleScope Polyvirt {
            $value = [ordered]@{
                one = @(, 'x'); none = @(); deep = @{ a = @{ b = @{ c = @{ d = 1.5 } } } }; text = "é`u{1F600}`"\`n`t"; yes = $true
                at = [datetime]::new(2026, 1, 2, 3, 4, 5, [DateTimeKind]::Utc); secret = (ConvertTo-SecureString 'p"w' -AsPlainText -Force); nothing = $null
            }
            ConvertTo-JsonText $value | Should -BeExactly ('{"one":["x"],"none":[],"deep":{"a":{"b":{"c":{"d":1.5}}}},"text":"é' + "`u{1F600}" +
                '\u0022\u005c\u000a\u0009","yes":true,"at":"2026-01-02T03:04:05.000Z","secret":"p\u0022w","nothing":null}')
        }
    }
}
