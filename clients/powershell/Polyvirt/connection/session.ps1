# Where this PowerShell is connected to, and as whom.

$script:Session = $null

function New-Session {
    param([string]$Url, [string]$From, [switch]$SkipCertificateCheck)
    $address = $Url.TrimEnd('/')
    $uri = $null
    if (-not [uri]::TryCreate($address, [UriKind]::Absolute, [ref]$uri) -or $uri.Scheme -notin 'http', 'https') {
        throw (New-ClientError 'invalid-input' 'InvalidArgument' "An address looks like https://polyvirt.example:8443, not `"$Url`".")
    }
    [pscustomobject]@{
        PSTypeName   = 'Polyvirt.Session'
        Url          = $address
        From         = $From
        Username     = $null
        Role         = $null
        ExpiresAt    = $null
        AccessToken  = $null
        RefreshToken = $null
        RunStamp     = $null
        Client       = (New-HttpClient -SkipCertificateCheck:$SkipCertificateCheck)
    }
}

function Set-SessionTokens {
    param($Session, $Answer)
    $Session.AccessToken = ConvertTo-Secret $Answer.accessToken
    $Session.RefreshToken = ConvertTo-Secret $Answer.refreshToken
}

function Enter-Session {
    param($Session, [string]$Username, [securestring]$Password)
    $body = [ordered]@{ username = $Username; password = $Password }
    Set-SessionTokens $Session (Invoke-Anonymous $Session 'POST /api/v1/auth/login' $body)
}

function Update-Session {
    # A refresh token is good once; whoever loses the race has to log in again.
    param($Session)
    $body = @{ refreshToken = $Session.RefreshToken }
    Set-SessionTokens $Session (Invoke-Anonymous $Session 'POST /api/v1/auth/refresh' $body)
}

function Exit-Session {
    param($Session)
    if ($null -eq $Session.RefreshToken) { return }
    [void](Invoke-Anonymous $Session 'POST /api/v1/auth/logout' @{ refreshToken = $Session.RefreshToken })
}

function Invoke-Anonymous {
    param($Session, [string]$Route, $Body)
    $method, $address = Get-Address $Route
    $response = Send-Request $Session $method $address $Body -Anonymous
    if ($response.Status -ge 300) { throw (ConvertTo-ProblemRecord $response $Session) }
    if ($response.Text) { ConvertFrom-JsonText $response.Text }
}

function Get-Session {
    # The one that was given, the one of Connect-PolyvirtSession, or else the one that can be found.
    param($Given)
    if ($null -ne $Given) {
        if ($null -eq $Given.AccessToken) {
            throw (New-ClientError 'unauthenticated' 'AuthenticationError' "This session with $($Given.Url) was ended. Begin one with Connect-PolyvirtSession." $Given)
        }
        return $Given
    }
    if ($null -ne $script:Session -and $null -ne $script:Session.RunStamp) {
        # Each `npm start` writes an address and a token anew.
        if ((Get-RunStamp $script:Session.From) -ne $script:Session.RunStamp) { $script:Session = $null }
    }
    if ($null -eq $script:Session) { $script:Session = Find-Session }
    $script:Session
}

function Get-RunStamp {
    param([string]$File)
    if ([System.IO.File]::Exists($File)) { return [System.IO.File]::GetLastWriteTimeUtc($File).Ticks }
    0
}

function Find-Session {
    param([switch]$SkipCertificateCheck)
    if ($env:POLYVIRT_URL) {
        $session = New-Session $env:POLYVIRT_URL 'POLYVIRT_URL' -SkipCertificateCheck:$SkipCertificateCheck
        if (-not $env:POLYVIRT_TOKEN) {
            throw (New-ClientError 'unauthenticated' 'AuthenticationError' "POLYVIRT_URL names $env:POLYVIRT_URL, and POLYVIRT_TOKEN is not set. Set it, or run Connect-PolyvirtSession $env:POLYVIRT_URL.")
        }
        $session.AccessToken = ConvertTo-Secret $env:POLYVIRT_TOKEN
        return $session
    }
    $file = Find-RunFile
    if ($null -ne $file) { return Connect-RunFile $file }
    $saved = Read-SavedSession
    if ($null -ne $saved) {
        $session = New-Session $saved.Url 'saved' -SkipCertificateCheck:$SkipCertificateCheck
        $session.AccessToken = $saved.Token
        $session.Username = $saved.Username
        return $session
    }
    throw (New-ClientError 'unauthenticated' 'AuthenticationError' 'No Polyvirt is known here. Run Connect-PolyvirtSession with its address, or set POLYVIRT_URL and POLYVIRT_TOKEN.')
}

function Find-RunFile {
    # The stack that `npm start` runs in this folder or above.
    $folder = (Get-Location -PSProvider FileSystem).ProviderPath
    while ($folder) {
        $file = [System.IO.Path]::Combine($folder, '.polyvirt', 'run.json')
        if ([System.IO.File]::Exists($file)) { return $file }
        $folder = [System.IO.Path]::GetDirectoryName($folder)
    }
}

function Connect-RunFile {
    param([string]$File)
    $run = ConvertFrom-JsonText ([System.IO.File]::ReadAllText($File))
    $session = New-Session $run.url $File
    $session.RunStamp = Get-RunStamp $File
    $session.Username = $run.username
    if ($run.token) {
        $session.AccessToken = ConvertTo-Secret $run.token
    } elseif ($run.password) {
        Enter-Session $session $run.username (ConvertTo-Secret $run.password)
    } else {
        throw (New-ClientError 'unauthenticated' 'AuthenticationError' "The password of $($run.username) was changed since the first start. Run Connect-PolyvirtSession $($run.url) -Credential $($run.username).")
    }
    $session
}

function Get-SavedSessionFile {
    $base = if ([Environment]::OSVersion.Platform -eq 'Win32NT') { $env:APPDATA }
    elseif ($env:XDG_CONFIG_HOME) { $env:XDG_CONFIG_HOME }
    else { [System.IO.Path]::Combine($HOME, '.config') }
    [System.IO.Path]::Combine($base, 'polyvirt', 'powershell.xml')
}

function Read-SavedSession {
    $file = Get-SavedSessionFile
    if ([System.IO.File]::Exists($file)) { Import-Clixml -LiteralPath $file }
}

function Save-Session {
    # Windows encrypts the token for this user of this computer. Elsewhere the file is the owner's alone.
    param($Session)
    $file = Get-SavedSessionFile
    $folder = [System.IO.Path]::GetDirectoryName($file)
    [void][System.IO.Directory]::CreateDirectory($folder)
    if ([Environment]::OSVersion.Platform -ne 'Win32NT') {
        [System.IO.File]::WriteAllText($file, '')
        & chmod 600 $file
    }
    [pscustomobject]@{ Url = $Session.Url; Username = $Session.Username; Token = $Session.AccessToken } |
        Export-Clixml -LiteralPath $file -Force -WhatIf:$false -Confirm:$false
}

function Connect-PolyvirtSession {
    <#
    .SYNOPSIS
    Connects this PowerShell to a Polyvirt.
    .DESCRIPTION
    Without an address it looks for one: POLYVIRT_URL and POLYVIRT_TOKEN of the environment, then the `npm start` that
    runs in this folder or above, then what was saved with -Save. Every other command does the same by itself, so that
    beside `npm start` nothing has to be connected.

    A session of a user ends by itself when it is not used; of an API token when that expires.
    .PARAMETER Url
    Address of the gateway, such as https://polyvirt.example:8443.
    .PARAMETER Credential
    User name and password; asked for when there is no -Token.
    .PARAMETER Token
    An API token, as a SecureString: New-PolyvirtToken makes one.
    .PARAMETER Save
    Makes an API token that is good for 90 days and keeps it for the next PowerShell: encrypted for you on Windows, in a
    file that only you can read elsewhere.
    .PARAMETER SkipCertificateCheck
    Takes any certificate. Only PowerShell 7 can; better let this computer trust the authority.
    .EXAMPLE
    Connect-PolyvirtSession https://polyvirt.example:8443 -Credential ada
    .EXAMPLE
    Connect-PolyvirtSession https://polyvirt.example:8443 -Token (Read-Host -AsSecureString)
    .EXAMPLE
    $lab = Connect-PolyvirtSession https://lab.example -Credential ada; Get-PolyvirtVM -Session $lab
    #>
    [CmdletBinding(DefaultParameterSetName = 'Credential')]
    [OutputType('Polyvirt.Session')]
    param(
        [Parameter(Position = 0)] [string]$Url,
        [Parameter(Position = 1, ParameterSetName = 'Credential')]
        [System.Management.Automation.Credential()] [pscredential]$Credential = [pscredential]::Empty,
        [Parameter(Mandatory, ParameterSetName = 'Token')] [securestring]$Token,
        [switch]$Save,
        [switch]$SkipCertificateCheck
    )
    Set-CallerPreference $PSCmdlet
    try {
        if (-not $Url) {
            $session = Find-Session -SkipCertificateCheck:$SkipCertificateCheck
        } else {
            $session = New-Session $Url 'Connect-PolyvirtSession' -SkipCertificateCheck:$SkipCertificateCheck
            if ($null -ne $Token) {
                $session.AccessToken = $Token
            } else {
                if ($Credential -eq [pscredential]::Empty) { $Credential = Get-Credential -Message "User of $Url" }
                if ($null -eq $Credential) { return }
                Enter-Session $session $Credential.UserName $Credential.Password
            }
        }
        $me = Invoke-Route $session 'GET /api/v1/auth/me'
        $session.Username = $me.user.username
        $session.Role = $me.user.role
        if ($Save) {
            $name = "PowerShell on $([Environment]::MachineName)"
            $made = New-TokenOf $session $name $null ([datetime]::Now.AddDays(90))
            Exit-Session $session
            $session.RefreshToken = $null
            $session.AccessToken = ConvertTo-Secret $made.secret
            $session.ExpiresAt = $made.expiresAt
            Save-Session $session
        }
    } catch {
        $PSCmdlet.ThrowTerminatingError($_)
    }
    $script:Session = $session
    $session
}

function Disconnect-PolyvirtSession {
    <#
    .SYNOPSIS
    Ends the session, and forgets what Connect-PolyvirtSession -Save has kept.
    .PARAMETER Session
    The session to end instead of the present one.
    .EXAMPLE
    Disconnect-PolyvirtSession
    #>
    [CmdletBinding()]
    param([PSTypeName('Polyvirt.Session')]$Session)
    Set-CallerPreference $PSCmdlet
    $ended = if ($null -ne $Session) { $Session } else { $script:Session }
    if ($null -eq $ended) { return }
    if ($ended -eq $script:Session) { $script:Session = $null }
    $file = Get-SavedSessionFile
    $saved = Read-SavedSession
    if ($null -ne $saved -and $saved.Url -eq $ended.Url) { [System.IO.File]::Delete($file) }
    try {
        Exit-Session $ended
    } catch {
        # One that has ended already is ended.
        if ((Get-CodeOf $_) -ne 'unauthenticated') { Write-Problem $PSCmdlet $_ $ended }
    }
    $ended.AccessToken = $null
    $ended.RefreshToken = $null
}

function Get-PolyvirtSession {
    <#
    .SYNOPSIS
    Shows where this PowerShell is connected to, as whom, and how that was found.
    .PARAMETER Session
    The session to look at instead of the present one.
    .EXAMPLE
    Get-PolyvirtSession
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Session')]
    param([PSTypeName('Polyvirt.Session')]$Session)
    Set-CallerPreference $PSCmdlet
    try {
        $found = Get-Session $Session
        $me = Invoke-Route $found 'GET /api/v1/auth/me'
        $found.Username = $me.user.username
        $found.Role = $me.user.role
    } catch {
        $PSCmdlet.ThrowTerminatingError($_)
    }
    $found
}
