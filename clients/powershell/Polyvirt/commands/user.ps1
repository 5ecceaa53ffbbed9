# Users, and your own password.

function Get-PolyvirtUser {
    <#
    .SYNOPSIS
    Gets users by name.
    .PARAMETER Username
    Names or patterns; all users unless given.
    .PARAMETER Id
    Id of a user.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtUser | Where-Object disabled
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('Polyvirt.User')]
    param(
        [Parameter(Position = 0, ParameterSetName = 'Name', ValueFromPipeline)] [SupportsWildcards()] [string]$Username = '*',
        [Parameter(Mandatory, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string]$Id,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try {
            $connection = Get-Session $Session
            $found = @(if ($Id) { Invoke-Route $connection 'GET /api/v1/users/{id}' @{ id = $Id } -As 'Polyvirt.User' }
                else { Get-Page $connection 'GET /api/v1/users' -As 'Polyvirt.User' | Where-Object { $_.username -like $Username } })
            if ($found.Count -eq 0 -and -not [WildcardPattern]::ContainsWildcardCharacters($Username)) { throw (New-UserNotFound $Username) }
        } catch { Write-Problem $PSCmdlet $_ $Username; return }
        $found
    }
}

function New-UserNotFound {
    param([string]$Text)
    New-ClientError 'user-not-found' 'ObjectNotFound' "There is no user `"$Text`". Get-PolyvirtUser shows them." $Text
}

function Resolve-User {
    # The id of a user that is said by name or by id.
    param($Session, [string]$Text)
    if ($Text -match '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') { return $Text }
    $found = @(Get-Page $Session 'GET /api/v1/users' -As 'Polyvirt.User' | Where-Object { $_.username -eq $Text })
    if ($found.Count -eq 0) { throw (New-UserNotFound $Text) }
    $found[0].id
}

function New-PolyvirtUser {
    <#
    .SYNOPSIS
    Makes a user.
    .PARAMETER Credential
    Name and first password of the user; asked for unless given.
    .PARAMETER Role
    viewer, operator or admin.
    .PARAMETER Password
    Your own password, as a SecureString, where the gateway wants it once more; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    New-PolyvirtUser -Credential ada -Role operator
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Polyvirt.User')]
    param(
        [Parameter(Mandatory, Position = 0)] [System.Management.Automation.Credential()] [pscredential]$Credential,
        [Parameter(Mandatory, Position = 1)] [ValidateSet('viewer', 'operator', 'admin')] [string]$Role,
        [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    if (-not (Confirm-Here $PSCmdlet 'Make the user' "$($Credential.UserName) ($Role)")) { return }
    $body = [ordered]@{ username = $Credential.UserName; password = $Credential.Password; role = $Role }
    try {
        Invoke-AsPerson (Get-Session $Session) $Password {
            param($Person)
            Invoke-Route $Person 'POST /api/v1/users' -Body $body -Header (New-IdempotencyHeader) -As 'Polyvirt.User'
        }
    } catch { $PSCmdlet.ThrowTerminatingError($_) }
}

function Set-PolyvirtUser {
    <#
    .SYNOPSIS
    Changes role or password of users, or disables them.
    .PARAMETER Username
    Names of users, or ids; objects of Get-PolyvirtUser can be piped in.
    .PARAMETER Role
    viewer, operator or admin.
    .PARAMETER NewPassword
    Their new password, as a SecureString.
    .PARAMETER KeepTokens
    With a new password: lets their API tokens go on working.
    .PARAMETER Disabled
    Whether they may not log in: $true or $false.
    .PARAMETER Password
    Your own password, as a SecureString, where the gateway wants it once more; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Set-PolyvirtUser ada -Role admin
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Polyvirt.User')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [string[]]$Username,
        [ValidateSet('viewer', 'operator', 'admin')] [string]$Role,
        [securestring]$NewPassword,
        [switch]$KeepTokens,
        [bool]$Disabled,
        [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        $body = Select-Given $PSBoundParameters ([ordered]@{ Role = 'role'; NewPassword = 'password'; Disabled = 'disabled' })
        if ($KeepTokens) { $body['tokens'] = 'keep' }
        foreach ($one in $Username) {
            if (-not (Confirm-Here $PSCmdlet 'Change the user' $one)) { continue }
            try {
                $changed = Invoke-AsPerson (Get-Session $Session) $Password {
                    param($Person)
                    Invoke-Route $Person 'PATCH /api/v1/users/{id}' @{ id = (Resolve-User $Person $one) } -Body $body -As 'Polyvirt.User'
                }
            } catch { Write-Problem $PSCmdlet $_ $one; continue }
            $changed
        }
    }
}

function Remove-PolyvirtUser {
    <#
    .SYNOPSIS
    Deletes users with their sessions and tokens. Asks before.
    .PARAMETER Username
    Names of users, or ids; objects of Get-PolyvirtUser can be piped in.
    .PARAMETER Password
    Your own password, as a SecureString, where the gateway wants it once more; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Remove-PolyvirtUser ada
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [string[]]$Username,
        [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        foreach ($one in $Username) {
            if (-not (Confirm-Here $PSCmdlet 'Delete the user' $one -Dangerous)) { continue }
            try {
                Invoke-AsPerson (Get-Session $Session) $Password {
                    param($Person)
                    Invoke-Route $Person 'DELETE /api/v1/users/{id}' @{ id = (Resolve-User $Person $one) }
                }
            } catch { Write-Problem $PSCmdlet $_ $one }
        }
    }
}

function Unlock-PolyvirtUser {
    <#
    .SYNOPSIS
    Lets users log in who have to wait after too many wrong passwords.
    .PARAMETER Username
    Names of users, or ids; objects of Get-PolyvirtUser can be piped in.
    .PARAMETER Password
    Your own password, as a SecureString, where the gateway wants it once more; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Unlock-PolyvirtUser ada
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [string[]]$Username,
        [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        foreach ($one in $Username) {
            if (-not (Confirm-Here $PSCmdlet 'Unlock the user' $one)) { continue }
            try {
                Invoke-AsPerson (Get-Session $Session) $Password {
                    param($Person)
                    Invoke-Route $Person 'POST /api/v1/users/{id}/unlock' @{ id = (Resolve-User $Person $one) } -Header (New-IdempotencyHeader)
                }
            } catch { Write-Problem $PSCmdlet $_ $one }
        }
    }
}

function Set-PolyvirtPassword {
    <#
    .SYNOPSIS
    Changes your own password.
    .PARAMETER Current
    The present password, as a SecureString; asked for unless given.
    .PARAMETER NewPassword
    The new one, as a SecureString; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Set-PolyvirtPassword
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(Position = 0)] [securestring]$Current,
        [Parameter(Position = 1)] [securestring]$NewPassword,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    if (-not (Confirm-Here $PSCmdlet 'Change the password of' 'yourself')) { return }
    try {
        $connection = Get-Session $Session
        $why = New-ClientError 'invalid-input' 'InvalidArgument' 'There is nobody to ask for the passwords; give -Current and -NewPassword.'
        if ($null -eq $NewPassword -and -not (Test-Interactive)) { throw $why }
        $old = Read-Password $connection $Current $why
        $new = if ($null -ne $NewPassword) { $NewPassword } else { Read-Host -AsSecureString -Prompt 'New password' }
        Invoke-AsPerson $connection $old {
            param($Person)
            Invoke-Route $Person 'POST /api/v1/auth/password' -Body ([ordered]@{ current = $old; password = $new })
        }
    } catch { $PSCmdlet.ThrowTerminatingError($_) }
}

function New-PolyvirtLoginLink {
    <#
    .SYNOPSIS
    Makes a link with which you set a new password without the one you have: good once, for a day.
    .DESCRIPTION
    Whoever opens it first sets the password, so send it to nobody.
    .PARAMETER Password
    Your present password, as a SecureString; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    (New-PolyvirtLoginLink).url
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Polyvirt.LoginLink')]
    param(
        [Parameter(Position = 0)] [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    if (-not (Confirm-Here $PSCmdlet 'Make a link to set the password of' 'yourself')) { return }
    try {
        $connection = Get-Session $Session
        $why = New-ClientError 'invalid-input' 'InvalidArgument' 'There is nobody to ask for the password; give -Password.'
        $secret = Read-Password $connection $Password $why
        $made = Invoke-AsPerson $connection $secret {
            param($Person)
            Invoke-Route $Person 'POST /api/v1/auth/links' -Body @{ password = $secret } -Header (New-IdempotencyHeader) -As 'Polyvirt.LoginLink'
        }
    } catch { $PSCmdlet.ThrowTerminatingError($_) }
    $made | Add-Member -NotePropertyName url -NotePropertyValue "$($connection.Url)/welcome#$($made.link)" -PassThru
}

function Get-PolyvirtPreference {
    <#
    .SYNOPSIS
    Gets what you prefer in the web console: language, theme, columns, saved views.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    (Get-PolyvirtPreference).views
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Preference')]
    param([PSTypeName('Polyvirt.Session')]$Session)
    Set-CallerPreference $PSCmdlet
    try { $me = Invoke-Route (Get-Session $Session) 'GET /api/v1/auth/me' } catch { $PSCmdlet.ThrowTerminatingError($_) }
    Add-Record $me.preferences 'Polyvirt.Preference'
}

function Set-PolyvirtPreference {
    <#
    .SYNOPSIS
    Changes what you prefer in the web console; what is not named stays.
    .PARAMETER Preference
    Fields by name: @{ language = 'fr'; theme = 'dark' }.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Set-PolyvirtPreference @{ language = 'fr' }
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Polyvirt.Preference')]
    param(
        [Parameter(Mandatory, Position = 0)] [hashtable]$Preference,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    if (-not (Confirm-Here $PSCmdlet 'Change the preferences' ($Preference.Keys -join ', '))) { return }
    try { $me = Invoke-Route (Get-Session $Session) 'PATCH /api/v1/auth/me' -Body @{ preferences = $Preference } }
    catch { $PSCmdlet.ThrowTerminatingError($_) }
    Add-Record $me.preferences 'Polyvirt.Preference'
}
