Describe 'Sessions' {
    BeforeAll {
        . "$PSScriptRoot/stack.ps1"
        $script:empty = New-Item -ItemType Directory (Join-Path $TestDrive 'empty')
    }
    BeforeEach {
        Set-Location -LiteralPath $Stack.folder
        InModuleScope Polyvirt { $script:Session = $null }
        $env:POLYVIRT_URL = $env:POLYVIRT_TOKEN = $null
    }

    Context 'found' {
        It 'by the run.json of an npm start here or above' {
            Set-Location (New-Item -ItemType Directory -Force (Join-Path $Stack.folder 'a/b'))
            $session = Get-PolyvirtSession
            $session.Username, $session.Role, $session.Url | Should -Be 'admin', 'admin', $Stack.url
            $session.From | Should -BeLike '*run.json'
        }

        It 'anew when npm start has been started again' {
            $folder = New-Item -ItemType Directory (Join-Path $TestDrive 'again/.polyvirt')
            $file = Join-Path $folder 'run.json'
            Set-Content $file (@{ url = $Stack.url; username = 'admin'; token = 'of the start before' } | ConvertTo-Json)
            Set-Location (Split-Path $folder)
            { Get-PolyvirtHost -ErrorAction Stop } | Should -Throw '*unauthenticated*'
            $token = New-PolyvirtToken (Get-FreshName) -AsPlainText -Session (Connect-PolyvirtSession $Stack.url -Credential (Get-Admin))
            InModuleScope Polyvirt { $script:Session = $null }
            { Get-PolyvirtHost -ErrorAction Stop } | Should -Throw '*unauthenticated*'
            Set-Content $file (@{ url = $Stack.url; username = 'admin'; token = $token.secret } | ConvertTo-Json)
            @(Get-PolyvirtHost).Count | Should -Be 2
        }

        It 'by the environment before' {
            $token = New-PolyvirtToken (Get-FreshName) -AsPlainText
            InModuleScope Polyvirt { $script:Session = $null }
            $env:POLYVIRT_URL, $env:POLYVIRT_TOKEN = $Stack.url, $token.secret
            (Get-PolyvirtSession).From | Should -Be 'POLYVIRT_URL'
            @(Get-PolyvirtHost).Count | Should -Be 2
        }

        It 'nowhere, and the error says what to do' {
            Set-Location $empty
            { Get-PolyvirtVM } | Should -Throw '*Connect-PolyvirtSession*POLYVIRT_URL and POLYVIRT_TOKEN*'
        }

        It 'as it was saved, by the next PowerShell, in a file that nobody else reads' {
            Set-Location $empty
            $null = Connect-PolyvirtSession $Stack.url -Credential (Get-Admin) -Save
            $file = InModuleScope Polyvirt { Get-SavedSessionFile }
            if (-not $IsWindows) { (Get-Item $file).UnixMode | Should -Be '-rw-------' }
            InModuleScope Polyvirt { $script:Session = $null }
            (Get-PolyvirtSession).From | Should -Be 'saved'
            @(Get-PolyvirtHost).Count | Should -Be 2
            Disconnect-PolyvirtSession
            Test-Path $file | Should -BeFalse
        }
    }

    Context 'of a user' {
        It 'begin with a credential and end' {
            $session = Connect-PolyvirtSession $Stack.url -Credential (Get-Admin)
            ($session | Format-List | Out-String) | Should -Not -Match ([regex]::Escape($Stack.password))
            @(Get-PolyvirtLogin).Count | Should -BeGreaterThan 0
            Disconnect-PolyvirtSession
            { Get-PolyvirtVM -Session $session } | Should -Throw
        }

        It 'are refused with a wrong password' {
            $problem = $null
            try { Connect-PolyvirtSession $Stack.url -Credential ([pscredential]::new('nobody', (Get-Secret 'wrong'))) } catch { $problem = $_ }
            $problem.FullyQualifiedErrorId | Should -Be 'unauthenticated,Connect-PolyvirtSession'
            $problem.CategoryInfo.Category | Should -Be 'AuthenticationError'
        }

        It 'are renewed when they have run out' {
            $session = Connect-PolyvirtSession $Stack.url -Credential (Get-Admin)
            $before = $session.RefreshToken
            $session.AccessToken = Get-Secret 'run out'
            @(Get-PolyvirtHost).Count | Should -Be 2
            $session.RefreshToken | Should -Not -Be $before
        }

        It 'are several side by side' {
            $one = Connect-PolyvirtSession $Stack.url -Credential (Get-Admin)
            $two = Connect-PolyvirtSession $Stack.url -Credential (Get-Admin)
            Disconnect-PolyvirtSession
            (Get-PolyvirtSession -Session $one).Username | Should -Be 'admin'
            { Get-PolyvirtHost -Session $two } | Should -Throw
        }
    }

    Context 'elsewhere' {
        It 'cannot begin where nothing listens' {
            { Connect-PolyvirtSession http://127.0.0.1:9 -Credential (Get-Admin) } | Should -Throw '*cannot be reached*'
        }

        It 'cannot begin at what is no gateway' {
            $listener = [System.Net.Sockets.TcpListener]::new([System.Net.IPAddress]::Loopback, 0)
            $listener.Start()
            $port = $listener.LocalEndpoint.Port
            $answering = [powershell]::Create()
            $null = $answering.AddScript({
                    param($Listener)
                    $client = $Listener.AcceptTcpClient()
                    $stream = $client.GetStream()
                    $null = $stream.Read((New-Object byte[] 65536), 0, 65536)
                    $bytes = [System.Text.Encoding]::ASCII.GetBytes("HTTP/1.1 404 Not Found`r`nContent-Length: 2`r`nConnection: close`r`n`r`nno")
                    $stream.Write($bytes, 0, $bytes.Length)
                    $client.Close()
                }).AddArgument($listener)
            $task = $answering.BeginInvoke()
            { Connect-PolyvirtSession "http://127.0.0.1:$port" -Token (Get-Secret 'x') } | Should -Throw '*answers 404 and is no Polyvirt gateway*'
            $answering.EndInvoke($task)
            $listener.Stop()
        }

        It 'cannot begin at what is no address' {
            { Connect-PolyvirtSession 'polyvirt' -Token (Get-Secret 'x') } | Should -Throw '*looks like https://*'
        }
    }

    Context 'in which the password is wanted once more' {
        BeforeAll {
            $script:username = Get-FreshName ada
            $script:credential = [pscredential]::new($username, (Get-Secret 'a long first password'))
        }

        It 'are good for changes of users right after the log-in' {
            $user = New-PolyvirtUser -Credential $credential -Role operator
            $user.username, $user.role | Should -Be $username, 'operator'
            (Get-PolyvirtUser $username).id | Should -Be $user.id
            (Set-PolyvirtUser $username -Role viewer).role | Should -Be 'viewer'
            Unlock-PolyvirtUser $username
        }

        It 'take it as -Password where nobody can be asked, also of who has an API token' {
            $token = New-PolyvirtToken (Get-FreshName)
            $session = Connect-PolyvirtSession $Stack.url -Token $token.secret
            $problem = $null
            try { New-PolyvirtToken (Get-FreshName) -Session $session } catch { $problem = $_ }
            $problem.FullyQualifiedErrorId | Should -Be 'confirmation-required,New-PolyvirtToken'
            $problem.CategoryInfo.Category | Should -Be 'SecurityError'
            $made = New-PolyvirtToken (Get-FreshName) -Scope vm:read -Password (Get-Secret $Stack.password) -Session $session
            $made.secret | Should -BeOfType securestring
            ($made | Out-String) | Should -Match 'secret'
            $made | Remove-PolyvirtToken -Password (Get-Secret $Stack.password) -Session $session -Confirm:$false
            (Get-PolyvirtToken -Session $session).id | Should -Not -Contain $made.id
        }

        It 'give it to the gateway when the gateway asks, and do it then' {
            $script:asked = 0
            Mock -ModuleName Polyvirt Confirm-Session { $script:asked++ }
            $result = InModuleScope Polyvirt -Parameters @{ Password = (Get-Secret 'x') } {
                param($Password)
                $state = @{ Tries = 0 }
                $session = [pscustomobject]@{ RefreshToken = $Password; Username = 'ada' }
                Invoke-AsPerson $session $Password {
                    if ($state.Tries++ -eq 0) { throw (New-ClientError 'confirmation-required' 'SecurityError' 'again') }
                    'done'
                }
            }
            $result | Should -Be 'done'
            Should -Invoke -ModuleName Polyvirt Confirm-Session -Times 1 -Exactly
        }

        It 'are confirmed by hand' {
            { Confirm-PolyvirtPassword (Get-Secret $Stack.password) } | Should -Not -Throw
            { Confirm-PolyvirtPassword (Get-Secret 'wrong') } | Should -Throw
        }

        It 'make a link to set a password with' {
            $made = New-PolyvirtLoginLink (Get-Secret $Stack.password)
            $made.url | Should -BeLike "$($Stack.url)/welcome#*"
            $made.expiresAt | Should -BeGreaterThan (Get-Date)
        }

        It 'change the own password' {
            $user = Connect-PolyvirtSession $Stack.url -Credential $credential
            Set-PolyvirtPassword (Get-Secret 'a long first password') (Get-Secret 'a long second password') -Session $user
            { Connect-PolyvirtSession $Stack.url -Credential $credential } | Should -Throw
            (Connect-PolyvirtSession $Stack.url -Credential ([pscredential]::new($username, (Get-Secret 'a long second password')))).Role | Should -Be 'viewer'
        }

        It 'end with the user' {
            Remove-PolyvirtUser $username -Confirm:$false
            { Get-PolyvirtUser $username -ErrorAction Stop } | Should -Throw '*no user*'
        }
    }
}
