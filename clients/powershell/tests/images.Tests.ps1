Describe 'Images' {
    BeforeAll {
        . "$PSScriptRoot/stack.ps1"
        $file = Join-Path $Stack.folder 'rescue.iso'
        # Two parts, and what makes it an ISO image.
        $content = New-Object byte[] 6MB
        [System.Text.Encoding]::ASCII.GetBytes('CD001').CopyTo($content, 0x8001)
        [System.IO.File]::WriteAllBytes($file, $content)
    }

    It 'are uploaded from a file, once for several hosts, and deleted' {
        $made = Add-PolyvirtImage lab-kvm, lab-ahv rescue -File $file
        $made.kind | Should -Be 'iso', 'iso'
        $made.hostId | Sort-Object | Should -Be 'lab-ahv', 'lab-kvm'
        Get-PolyvirtImage lab-kvm, lab-ahv rescue | Remove-PolyvirtImage -Confirm:$false
        Get-PolyvirtImage lab-kvm, lab-ahv rescue | Should -BeNullOrEmpty
    }

    It 'are not uploaded with -WhatIf, nor from a file that is not there, nor with another checksum' {
        Add-PolyvirtImage lab-kvm planned -File $file -WhatIf | Should -BeNullOrEmpty
        $problem = $null
        Add-PolyvirtImage lab-kvm planned -File "$file.none" -ErrorVariable problem -ErrorAction SilentlyContinue
        "$problem" | Should -BeLike "*$file.none*"
        Add-PolyvirtImage lab-kvm planned -File $file -Sha256 ('ab' * 32) -ErrorVariable problem -ErrorAction SilentlyContinue
        $problem[0].FullyQualifiedErrorId | Should -Be 'invalid-input,Add-PolyvirtImage'
        Get-PolyvirtImage lab-kvm planned | Should -BeNullOrEmpty
    }
}
