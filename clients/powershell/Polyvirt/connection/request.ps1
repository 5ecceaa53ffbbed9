# One way to the gateway for both editions: HttpClient, whose answers and failures do not differ between Windows
# PowerShell and PowerShell as those of Invoke-RestMethod do.

$script:RequestSeconds = 100

function New-HttpClient {
    # Certificates are those that the operating system trusts; where they are not looked at, only this session does so.
    param([switch]$SkipCertificateCheck)
    $handler = New-Object System.Net.Http.HttpClientHandler
    $handler.UseCookies = $false
    $handler.AllowAutoRedirect = $false
    $handler.AutomaticDecompression = [System.Net.DecompressionMethods]::GZip
    if ($SkipCertificateCheck) {
        # By its name: .NET Framework has no such validator, and its parser of types would stop there.
        $validator = [System.Net.Http.HttpClientHandler].GetProperty('DangerousAcceptAnyServerCertificateValidator')
        if ($null -eq $validator) {
            throw (New-ClientError 'certificate-check-required' 'InvalidOperation' 'Windows PowerShell cannot skip the check of a certificate. Import the certificate of the authority into "Trusted Root Certification Authorities", or use PowerShell 7.')
        }
        $handler.ServerCertificateCustomValidationCallback = $validator.GetValue($null, $null)
    }
    $client = New-Object System.Net.Http.HttpClient $handler
    $client.Timeout = [System.Threading.Timeout]::InfiniteTimeSpan
    # A server that is asked first whether it wants the body costs .NET Framework a round trip, or 350 ms.
    $client.DefaultRequestHeaders.ExpectContinue = $false
    [void]$client.DefaultRequestHeaders.TryAddWithoutValidation('User-Agent', "Polyvirt-PowerShell/$($script:ModuleVersion)")
    $client
}

function Wait-Task {
    # In slices, so that Ctrl-C is heard.
    param($Task, [datetime]$Deadline, [System.Threading.CancellationTokenSource]$Cancel)
    try {
        while ([System.Threading.Tasks.Task]::WaitAny([System.Threading.Tasks.Task[]]@($Task), 100) -lt 0) {
            if ([datetime]::UtcNow -gt $Deadline) { return $false }
        }
        return $true
    } finally {
        if (-not $Task.IsCompleted) { $Cancel.Cancel() }
    }
}

function Send-Request {
    # Answers the response with its body as text, whatever its status; throws `unreachable` where there is none.
    param($Session, [string]$Method, [string]$Address, $Body, [hashtable]$Header = @{}, [switch]$Anonymous, [switch]$Open)
    $message = New-Object System.Net.Http.HttpRequestMessage (New-Object System.Net.Http.HttpMethod $Method), "$($Session.Url)$Address"
    [void]$message.Headers.TryAddWithoutValidation('Accept', $(if ($Open) { 'text/event-stream, */*' } else { 'application/json, */*' }))
    foreach ($name in $Header.Keys) { [void]$message.Headers.TryAddWithoutValidation($name, [string]$Header[$name]) }
    if (-not $Anonymous) {
        [void]$message.Headers.TryAddWithoutValidation('Authorization', "Bearer $(ConvertFrom-Secret $Session.AccessToken)")
    }
    if ($Body -is [byte[]]) {
        # A part of an upload.
        $message.Content = New-Object System.Net.Http.ByteArrayContent (, $Body)
        $message.Content.Headers.ContentType = [System.Net.Http.Headers.MediaTypeHeaderValue]::Parse('application/offset+octet-stream')
    } elseif ($null -ne $Body) {
        # Bytes of ours: a string would travel in the code page of the machine.
        $bytes = (New-Object System.Text.UTF8Encoding $false).GetBytes((ConvertTo-JsonText $Body))
        $message.Content = New-Object System.Net.Http.ByteArrayContent (, $bytes)
        $message.Content.Headers.ContentType = [System.Net.Http.Headers.MediaTypeHeaderValue]::Parse('application/json; charset=utf-8')
    }
    $cancel = New-Object System.Threading.CancellationTokenSource
    $began = [datetime]::UtcNow
    $deadline = $began.AddSeconds($script:RequestSeconds)
    $option = [System.Net.Http.HttpCompletionOption]::ResponseHeadersRead
    $task = $Session.Client.SendAsync($message, $option, $cancel.Token)
    $inTime = Wait-Task $task $deadline $cancel
    if (-not $inTime -or $task.IsFaulted -or $task.IsCanceled) {
        throw (New-UnreachableError $Session $task $inTime)
    }
    $response = $task.Result
    $status = [int]$response.StatusCode
    if ($Open -and $status -lt 300) {
        return [pscustomobject]@{ Status = $status; Response = $response; Cancel = $cancel }
    }
    $reading = $response.Content.ReadAsByteArrayAsync()
    $inTime = Wait-Task $reading $deadline $cancel
    if (-not $inTime -or $reading.IsFaulted -or $reading.IsCanceled) {
        throw (New-UnreachableError $Session $reading $inTime)
    }
    $milliseconds = [int]([datetime]::UtcNow - $began).TotalMilliseconds
    Write-Verbose "$Method $($Session.Url)$Address $status, $milliseconds ms"
    $etag = $response.Headers.ETag
    $offsets = $null
    [void]$response.Headers.TryGetValues('Upload-Offset', [ref]$offsets)
    [pscustomobject]@{
        Status   = $status
        Bytes    = $reading.Result
        Text     = [System.Text.Encoding]::UTF8.GetString($reading.Result)
        ETag     = $(if ($null -ne $etag) { $etag.ToString() })
        Location = $response.Headers.Location
        Offset   = @($offsets)[0]
        FileName = $(if ($null -ne $response.Content.Headers.ContentDisposition) { $response.Content.Headers.ContentDisposition.FileName })
    }
    $response.Dispose()
}

function New-UnreachableError {
    param($Session, $Task, [bool]$InTime)
    $reason = "no answer within $($script:RequestSeconds) s"
    if ($InTime -and $null -ne $Task.Exception) {
        $inner = $Task.Exception.GetBaseException()
        $reason = $inner.Message
        if ($inner -is [System.Security.Authentication.AuthenticationException]) {
            $reason += ' If the certificate is one of your own, let this computer trust its authority'
            if ($PSVersionTable.PSEdition -ne 'Desktop') { $reason += ', or connect with -SkipCertificateCheck' }
            $reason += '.'
        }
    }
    New-ClientError 'unreachable' 'ConnectionError' "The gateway at $($Session.Url) cannot be reached: $reason Is it running? Get-PolyvirtSession shows where this looks."
}

function Get-Address {
    # `GET /api/v1/vms/{vmId}` with its values: method and address.
    param([string]$Route, [hashtable]$Path = @{}, [hashtable]$Query = @{})
    $method, $template = $Route -split ' ', 2
    $address = $template
    foreach ($key in $Path.Keys) {
        $segments = @(foreach ($segment in @([string]$Path[$key] -split $(if ($key -eq 'path') { '/' } else { '(?!)' }))) {
                # .NET takes `.` and `..` out of an address, escaped or not: the request would go elsewhere.
                if ($segment -in '', '.', '..') {
                    throw (New-ClientError 'invalid-input' 'InvalidArgument' "`"$($Path[$key])`" cannot be part of an address; give the id in its place.")
                }
                [uri]::EscapeDataString($segment)
            })
        $address = $address.Replace("{$key}", $segments -join '/')
    }
    $pairs = @(foreach ($key in ($Query.Keys | Sort-Object)) {
            $value = $Query[$key]
            if ($null -eq $value) { continue }
            "$key=$([uri]::EscapeDataString((ConvertTo-QueryText $value)))"
        })
    if ($pairs.Count -gt 0) { $address += '?' + ($pairs -join '&') }
    $method, $address
}

function ConvertTo-QueryText {
    param($Value)
    if ($Value -is [switch] -or $Value -is [bool]) { return ([string][bool]$Value).ToLowerInvariant() }
    if ($Value -is [datetime]) { return ConvertTo-TimeText $Value }
    if ($Value -is [array]) {
        return @(foreach ($one in $Value) { ([string]$one).Replace('\', '\\').Replace(',', '\,') }) -join ','
    }
    [string]$Value
}

function Invoke-Route {
    # Calls a route of the API as the OpenAPI document names it: `GET /api/v1/vms/{vmId}`. Throws the problem it answers.
    param(
        $Session, [string]$Route, [hashtable]$Path = @{}, [hashtable]$Query = @{}, $Body, [hashtable]$Header = @{},
        [string]$As, [switch]$Raw
    )
    $method, $address = Get-Address $Route $Path $Query
    $response = Send-WithCredential $Session $method $address $Body $Header
    if ($Raw) { return $response }
    if ($response.Status -eq 204 -or $response.Text -eq '') { return }
    $answer = ConvertFrom-JsonText $response.Text
    if ($As) { return Add-Record $answer $As }
    $answer
}

function Send-WithCredential {
    # Renews the session where it has run out, and waits where the gateway says so.
    param($Session, [string]$Method, [string]$Address, $Body, [hashtable]$Header = @{}, [switch]$Open)
    $renewed = $false
    $slowed = 0
    while ($true) {
        $response = Send-Request $Session $Method $Address $Body $Header -Open:$Open
        if ($response.Status -lt 300) { return $response }
        $record = ConvertTo-ProblemRecord $response $Session
        $problem = $record.Exception.Data['Problem']
        if ($response.Status -eq 401 -and -not $renewed -and $null -ne $Session.RefreshToken) {
            Update-Session $Session
            $renewed = $true
        } elseif ($response.Status -eq 429 -and $slowed -lt 5 -and $problem.retryAfterSeconds -le 30) {
            $slowed++
            Start-Sleep -Milliseconds ([int](1000 * [math]::Max(0.2, [double]$problem.retryAfterSeconds)))
        } else {
            throw $record
        }
    }
}

function Get-Page {
    # Everything of a list, part by part, at most First.
    param($Session, [string]$Route, [hashtable]$Path = @{}, [hashtable]$Query = @{}, [string]$As, [int]$First = 0)
    $count = 0
    $cursor = $null
    do {
        $limit = if ($First -gt 0) { [math]::Min(500, $First - $count) } else { 500 }
        $page = Invoke-Route $Session $Route $Path ($Query + @{ limit = $limit; cursor = $cursor })
        foreach ($item in @($page.items)) {
            Add-Record $item $As
            $count++
        }
        $cursor = $page.nextCursor
    } while ($cursor -and ($First -le 0 -or $count -lt $First))
}
