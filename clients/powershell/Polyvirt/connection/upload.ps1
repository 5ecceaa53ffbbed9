# Files go to the gateway by the tus protocol: in parts, each from where the last one ended.

$script:PartBytes = 4MB
$script:BarrenTries = 30

function Send-File {
    # Uploads a file, and continues where the gateway is when it was away. Answers the id of the upload and the SHA-256 of what was read.
    param($Session, [string]$File)
    $tus = @{ 'Tus-Resumable' = '1.0.0' }
    $name = [System.IO.Path]::GetFileName($File)
    $stream = [System.IO.File]::OpenRead($File)
    $hash = [System.Security.Cryptography.SHA256]::Create()
    try {
        $metadata = "filename $([Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes($name)))"
        $begun = Invoke-Route $Session 'POST /api/v1/uploads' -Header ($tus + @{ 'Upload-Length' = $stream.Length; 'Upload-Metadata' = $metadata })
        $path = @{ uploadId = $begun.id }
        $buffer = New-Object byte[] $script:PartBytes
        $offset = [long]0
        $hashed = [long]0
        $barren = 0
        while ($offset -lt $stream.Length) {
            $stream.Position = $offset
            $count = $stream.Read($buffer, 0, $buffer.Length)
            if ($count -eq 0) { throw (New-ClientError 'file-changed' 'InvalidData' "$File has become shorter while it was sent." $File) }
            # What is sent again was hashed before.
            $known = [int][math]::Min($count, [math]::Max(0, $hashed - $offset))
            [void]$hash.TransformBlock($buffer, $known, $count - $known, $null, 0)
            $hashed = [math]::Max($hashed, $offset + $count)
            $part = $buffer
            if ($count -lt $buffer.Length) {
                $part = New-Object byte[] $count
                [Array]::Copy($buffer, $part, $count)
            }
            $before = $offset
            try {
                $answer = Invoke-Route $Session 'PATCH /api/v1/uploads/{uploadId}' $path -Body $part -Header ($tus + @{ 'Upload-Offset' = $offset }) -Raw
                $offset = [long]$answer.Offset
            } catch {
                if ($barren -ge $script:BarrenTries -or -not (Test-Passing $_)) { throw }
                Start-Sleep -Seconds 1
                try { $offset = [long](Invoke-Route $Session 'GET /api/v1/uploads/{uploadId}' $path).receivedBytes }
                catch { if (-not (Test-Passing $_)) { throw } }
            }
            $barren = if ($offset -gt $before) { 0 } else { $barren + 1 }
            Write-Progress -Activity "Uploading $name" -PercentComplete ([int](100 * $offset / $stream.Length))
        }
        [void]$hash.TransformFinalBlock($buffer, 0, 0)
        Write-Progress -Activity "Uploading $name" -Completed
        [pscustomobject]@{ Id = $begun.id; Sha256 = [BitConverter]::ToString($hash.Hash).Replace('-', '').ToLowerInvariant() }
    } finally {
        $stream.Dispose()
        $hash.Dispose()
    }
}

function Test-Passing {
    # Whether the gateway is away or busy, or has more or less of the file than was thought.
    param($ErrorRecord)
    (Get-CodeOf $ErrorRecord) -in 'unreachable', 'unavailable', 'too-many-requests', 'wrong-state'
}
