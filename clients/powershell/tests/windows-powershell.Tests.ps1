BeforeDiscovery {
    $base = (Resolve-Path "$PSScriptRoot/..").Path
    $files = Get-ChildItem "$base/Polyvirt", "$base/scripts" -Recurse -Include *.ps1, *.psm1 |
        ForEach-Object { @{ File = $_.FullName; Name = $_.FullName.Substring($base.Length + 1) } }
}

Describe 'Windows PowerShell 5.1' {
    BeforeAll {
        . "$PSScriptRoot/windows-powershell.ps1"
        $script:has = Import-PowerShellDataFile "$PSScriptRoot/windows-powershell.psd1"
        $sources = Get-ChildItem "$PSScriptRoot/../Polyvirt", "$PSScriptRoot/../scripts" -Recurse -Include *.ps1, *.psm1
        $script:own = $sources | ForEach-Object { [regex]::Matches((Get-Content -Raw $_.FullName), '(?m)^function ([\w-]+)') } | ForEach-Object { $_.Groups[1].Value }
    }

    It 'has everything that <Name> uses' -ForEach $files {
        Get-NewerFeature (Get-Content -Raw $File) ([System.IO.Path]::GetFileName($File)) $has $own | Should -BeNullOrEmpty
    }

    It 'would be refused <What>' -ForEach @(
        @{ What = 'the ternary operator'; Text = '$a ? 1 : 2' }
        @{ What = 'the null-coalescing operator'; Text = '$a ?? 1' }
        @{ What = 'its assignment'; Text = '$a ??= 1' }
        @{ What = 'a null-conditional member'; Text = '${a}?.b' }
        @{ What = 'a null-conditional element'; Text = '${a}?[0]' }
        @{ What = 'a chain of pipelines'; Text = 'Start-Sleep 1 && Start-Sleep 2' }
        @{ What = 'a pipeline in the background'; Text = 'Start-Sleep 1 &' }
        @{ What = 'a clean block'; Text = 'function f { process {} clean {} }' }
        @{ What = 'a binary number'; Text = '$a = 0b101' }
        @{ What = 'an unsigned number'; Text = '$a = 5u' }
        @{ What = 'an escape'; Text = '"`e[0m"' }
        @{ What = 'a variable of the newer one'; Text = 'if ($IsWindows) { }' }
        @{ What = 'a newer parameter'; Text = 'ForEach-Object -Parallel { } ' }
        @{ What = 'a parameter that a splat hides'; Text = '$o = @{ Parallel = { } }; ForEach-Object @o' }
        @{ What = 'a newer command'; Text = 'Join-String' }
        @{ What = 'a newer member of .NET'; Text = '[string]::Join; [Environment]::ProcessPath' }
        @{ What = 'a character that it reads otherwise'; Text = "'$([char]0xe9)'" }
    ) {
        Get-NewerFeature $Text 'sample.ps1' $has $own | Should -Not -BeNullOrEmpty
    }
}
