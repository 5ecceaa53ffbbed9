# What programs come in with, and where you are logged in.

function Get-PolyvirtToken {
    <#
    .SYNOPSIS
    Gets your API tokens, without their secrets; those of everybody for who manages users.
    .PARAMETER Id
    Id of a token.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtToken | Where-Object expiresAt -lt (Get-Date).AddDays(7)
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Token')]
    param(
        [Parameter(Position = 0, ValueFromPipelineByPropertyName)] [string]$Id,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try {
            $connection = Get-Session $Session
            $found = @(if ($Id) { Invoke-Route $connection 'GET /api/v1/tokens/{id}' @{ id = $Id } -As 'Polyvirt.Token' }
                else { Get-Page $connection 'GET /api/v1/tokens' -As 'Polyvirt.Token' })
        } catch { Write-Problem $PSCmdlet $_ $Id; return }
        $found
    }
}

function New-PolyvirtToken {
    <#
    .SYNOPSIS
    Makes an API token. `secret` is a SecureString and is answered this once.
    .PARAMETER Name
    What it is for.
    .PARAMETER Scope
    What it may do, at most what you may; everything that you may unless said.
    .PARAMETER ExpiresAt
    When it ends, 90 days from now unless said, at most a year ahead.
    .PARAMETER AsPlainText
    Answers `secret` as text, to be put into a file of another program.
    .PARAMETER Password
    Your own password, as a SecureString, where the gateway wants it once more; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    $token = New-PolyvirtToken ci -Scope vm:read, vm:power; Connect-PolyvirtSession $url -Token $token.secret
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Polyvirt.CreatedToken')]
    param(
        [Parameter(Mandatory, Position = 0)] [string]$Name,
        [Parameter(Position = 1)] [string[]]$Scope,
        [datetime]$ExpiresAt = [datetime]::Now.AddDays(90),
        [switch]$AsPlainText,
        [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    if (-not (Confirm-Here $PSCmdlet 'Make the token' $Name)) { return }
    try {
        $made = Invoke-AsPerson (Get-Session $Session) $Password {
            param($Person)
            New-TokenOf $Person $Name $Scope $ExpiresAt
        }
    } catch { $PSCmdlet.ThrowTerminatingError($_) }
    if (-not $AsPlainText) { $made.secret = ConvertTo-Secret $made.secret }
    $made
}

function New-TokenOf {
    param($Session, [string]$Name, [string[]]$Scope, [datetime]$ExpiresAt)
    $scopes = if ($Scope) { $Scope } else { @((Invoke-Route $Session 'GET /api/v1/auth/me').permissions) }
    $body = [ordered]@{ name = $Name; scopes = [object[]]$scopes; expiresAt = $ExpiresAt }
    Invoke-Route $Session 'POST /api/v1/tokens' -Body $body -Header (New-IdempotencyHeader) -As 'Polyvirt.CreatedToken'
}

function Remove-PolyvirtToken {
    <#
    .SYNOPSIS
    Revokes API tokens. Asks before.
    .PARAMETER Id
    Ids of tokens; objects of Get-PolyvirtToken can be piped in.
    .PARAMETER Password
    Your own password, as a SecureString, where the gateway wants it once more; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtToken | Where-Object name -eq ci | Remove-PolyvirtToken
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [string[]]$Id,
        [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        foreach ($one in $Id) {
            if (-not (Confirm-Here $PSCmdlet 'Revoke the token' $one -Dangerous)) { continue }
            try {
                Invoke-AsPerson (Get-Session $Session) $Password {
                    param($Person)
                    Invoke-Route $Person 'DELETE /api/v1/tokens/{id}' @{ id = $one }
                }
            } catch { Write-Problem $PSCmdlet $_ $one }
        }
    }
}

function Get-PolyvirtSubscriber {
    <#
    .SYNOPSIS
    Gets the programs that read events from the bus.
    .PARAMETER Id
    Id of a subscriber.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtSubscriber
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Subscriber')]
    param(
        [Parameter(Position = 0, ValueFromPipelineByPropertyName)] [string]$Id,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        try {
            $connection = Get-Session $Session
            $found = @(if ($Id) { Invoke-Route $connection 'GET /api/v1/subscribers/{id}' @{ id = $Id } -As 'Polyvirt.Subscriber' }
                else { Get-Page $connection 'GET /api/v1/subscribers' -As 'Polyvirt.Subscriber' })
        } catch { Write-Problem $PSCmdlet $_ $Id; return }
        $found
    }
}

function New-PolyvirtSubscriber {
    <#
    .SYNOPSIS
    Lets a program read events from the bus. Its credential is answered this once.
    .PARAMETER Name
    Name of the program.
    .PARAMETER HostId
    Only events of these hosts; of all hosts unless said.
    .PARAMETER Password
    Your own password, as a SecureString, where the gateway wants it once more; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    (New-PolyvirtSubscriber billing).credentials | Set-Content billing.creds
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Polyvirt.CreatedSubscriber')]
    param(
        [Parameter(Mandatory, Position = 0)] [string]$Name,
        [string[]]$HostId,
        [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    if (-not (Confirm-Here $PSCmdlet 'Make the subscriber' $Name)) { return }
    $body = Select-Given $PSBoundParameters ([ordered]@{ Name = 'name'; HostId = 'hosts' })
    try {
        Invoke-AsPerson (Get-Session $Session) $Password {
            param($Person)
            Invoke-Route $Person 'POST /api/v1/subscribers' -Body $body -Header (New-IdempotencyHeader) -As 'Polyvirt.CreatedSubscriber'
        }
    } catch { $PSCmdlet.ThrowTerminatingError($_) }
}

function Remove-PolyvirtSubscriber {
    <#
    .SYNOPSIS
    Revokes the credentials of programs; they lose their connections at once. Asks before.
    .PARAMETER Id
    Ids of subscribers; objects of Get-PolyvirtSubscriber can be piped in.
    .PARAMETER Password
    Your own password, as a SecureString, where the gateway wants it once more; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtSubscriber | Where-Object name -eq billing | Remove-PolyvirtSubscriber
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [string[]]$Id,
        [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        foreach ($one in $Id) {
            if (-not (Confirm-Here $PSCmdlet 'Revoke the subscriber' $one -Dangerous)) { continue }
            try {
                Invoke-AsPerson (Get-Session $Session) $Password {
                    param($Person)
                    Invoke-Route $Person 'DELETE /api/v1/subscribers/{id}' @{ id = $one }
                }
            } catch { Write-Problem $PSCmdlet $_ $one }
        }
    }
}

function Get-PolyvirtLogin {
    <#
    .SYNOPSIS
    Gets where you are logged in, or another user is: the session that was used last first.
    .PARAMETER Username
    Name or id of another user, for who manages users.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Get-PolyvirtLogin | Where-Object -not current
    #>
    [CmdletBinding()]
    [OutputType('Polyvirt.Login')]
    param(
        [Parameter(Position = 0)] [string]$Username,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    Set-CallerPreference $PSCmdlet
    try {
        $connection = Get-Session $Session
        $found = @(if ($Username) {
            Get-Page $connection 'GET /api/v1/users/{id}/sessions' @{ id = (Resolve-User $connection $Username) } -As 'Polyvirt.Login'
        } else { Get-Page $connection 'GET /api/v1/auth/sessions' -As 'Polyvirt.Login' })
    } catch { $PSCmdlet.ThrowTerminatingError($_) }
    $found
}

function Remove-PolyvirtLogin {
    <#
    .SYNOPSIS
    Ends your sessions elsewhere, or all sessions of another user. Asks before.
    .PARAMETER Id
    Ids of sessions; objects of Get-PolyvirtLogin can be piped in.
    .PARAMETER Others
    All but the one that asks.
    .PARAMETER Username
    All of this other user, by name or id, for who manages users.
    .PARAMETER Password
    Your own password, as a SecureString, where the gateway wants it once more; asked for unless given.
    .PARAMETER Session
    A session of Connect-PolyvirtSession, instead of the present one.
    .EXAMPLE
    Remove-PolyvirtLogin -Others
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High', DefaultParameterSetName = 'Id')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Id', ValueFromPipelineByPropertyName)] [string[]]$Id,
        [Parameter(Mandatory, ParameterSetName = 'Others')] [switch]$Others,
        [Parameter(Mandatory, ParameterSetName = 'Username')] [string]$Username,
        [securestring]$Password,
        [PSTypeName('Polyvirt.Session')]$Session
    )
    begin { Set-CallerPreference $PSCmdlet }
    process {
        if ($Others) {
            if (-not (Confirm-Here $PSCmdlet 'End' 'all your other sessions' -Dangerous)) { return }
            try { Invoke-AsPerson (Get-Session $Session) $Password { param($Person) Invoke-Route $Person 'DELETE /api/v1/auth/sessions' } }
            catch { Write-Problem $PSCmdlet $_ }
            return
        }
        if ($Username) {
            if (-not (Confirm-Here $PSCmdlet 'End all sessions of' $Username -Dangerous)) { return }
            try {
                Invoke-AsPerson (Get-Session $Session) $Password {
                    param($Person)
                    Invoke-Route $Person 'DELETE /api/v1/users/{id}/sessions' @{ id = (Resolve-User $Person $Username) }
                }
            } catch { Write-Problem $PSCmdlet $_ $Username }
            return
        }
        foreach ($one in $Id) {
            if (-not (Confirm-Here $PSCmdlet 'End the session' $one -Dangerous)) { continue }
            try {
                Invoke-AsPerson (Get-Session $Session) $Password {
                    param($Person)
                    Invoke-Route $Person 'DELETE /api/v1/auth/sessions/{id}' @{ id = $one }
                }
            } catch { Write-Problem $PSCmdlet $_ $one }
        }
    }
}
