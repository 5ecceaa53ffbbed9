# What only a person may do, and no token: with the password, given a short while ago.

function Invoke-AsPerson {
    # Does it, and where the gateway wants the password first, gives it and does it again.
    param($Session, [securestring]$Password, [scriptblock]$Act)
    $why = $null
    if ($null -ne $Session.RefreshToken) {
        try {
            return & $Act $Session
        } catch {
            if ((Get-CodeOf $_) -ne 'confirmation-required') { throw }
            $why = $_
        }
        Confirm-Session $Session (Read-Password $Session $Password $why)
        return & $Act $Session
    }
    # No token may, whatever its scopes: its owner logs in for this one change.
    $why = New-ClientError 'confirmation-required' 'SecurityError' 'An API token cannot change who may do what. Give -Password, and it is done as the owner of the token.'
    $secret = Read-Password $Session $Password $why
    $person = New-Session $Session.Url $Session.From
    $person.Client = $Session.Client
    $me = Invoke-Route $Session 'GET /api/v1/auth/me'
    Enter-Session $person $me.user.username $secret
    try {
        & $Act $person
    } finally {
        Exit-Session $person
    }
}

function Confirm-Session {
    param($Session, [securestring]$Password)
    [void](Invoke-Route $Session 'POST /api/v1/auth/confirm' -Body @{ password = $Password })
}

function Read-Password {
    # Asks where somebody is there to answer; else throws why it is needed.
    param($Session, [securestring]$Given, $Why)
    if ($null -ne $Given) { return $Given }
    if (-not (Test-Interactive)) { throw $Why }
    $name = if ($Session.Username) { $Session.Username } else { 'you' }
    $typed = Read-Host -AsSecureString -Prompt "Password of $name, once more"
    if ($null -eq $typed -or $typed.Length -eq 0) { throw $Why }
    $typed
}

function Test-Interactive {
    if (-not [Environment]::UserInteractive -or [Console]::IsInputRedirected) { return $false }
    @([Environment]::GetCommandLineArgs() | Where-Object { $_ -match '^[-/]noni' }).Count -eq 0
}

function Confirm-PolyvirtPassword {
    <#
    .SYNOPSIS
    Gives the password again: for 10 minutes this session may change users, tokens and subscribers.
    .DESCRIPTION
    The commands that need it ask by themselves where somebody is there to answer, and take -Password elsewhere.
    .PARAMETER Password
    The password of the user of the session; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Confirm-PolyvirtPassword
    #>
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)] [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    try {
        $connection = Get-Session $Session
        if ($null -eq $connection.RefreshToken) {
            throw (New-ClientError 'forbidden' 'PermissionDenied' 'This session is that of an API token, which may not change who may do what. Connect with -Credential, or give -Password with the change itself.')
        }
        $why = New-ClientError 'confirmation-required' 'SecurityError' 'There is nobody to ask for the password; give -Password.'
        Confirm-Session $connection (Read-Password $connection $Password $why)
    } catch {
        $PSCmdlet.ThrowTerminatingError($_)
    }
}
