# JSON to objects and back. Neither edition's own cmdlets do both alike: depth, dates, arrays of one, code pages.

function ConvertFrom-JsonText {
    param([string]$Text)
    $options = @{ InputObject = $Text }
    # Times are turned into dates where the API has times, and not wherever a label happens to look like one.
    if ($script:JsonHasDateKind) { $options.DateKind = 'String' }
    try {
        return ConvertFrom-Json @options
    } catch {
        # Labels may differ in case alone, which the properties of an object cannot.
        return ConvertFrom-CaseSensitiveJson $Text
    }
}

function ConvertFrom-CaseSensitiveJson {
    param([string]$Text)
    if ($PSVersionTable.PSEdition -eq 'Desktop') {
        Add-Type -AssemblyName System.Web.Extensions
        $serializer = New-Object System.Web.Script.Serialization.JavaScriptSerializer
        $serializer.MaxJsonLength = [int]::MaxValue
        return ConvertTo-PlainObject $serializer.DeserializeObject($Text)
    }
    $options = @{ InputObject = $Text; AsHashtable = $true }
    if ($script:JsonHasDateKind) { $options.DateKind = 'String' }
    ConvertTo-PlainObject (ConvertFrom-Json @options)
}

function ConvertTo-PlainObject {
    param($Value)
    if ($Value -is [System.Collections.IDictionary]) {
        $keys = @($Value.Keys)
        $unique = @($keys | ForEach-Object { ([string]$_).ToLowerInvariant() } | Sort-Object -Unique)
        if ($unique.Count -ne $keys.Count) { return $Value }
        $properties = [ordered]@{}
        foreach ($key in $keys) { $properties[[string]$key] = ConvertTo-PlainObject $Value[$key] }
        return [pscustomobject]$properties
    }
    if ($Value -is [System.Collections.IList]) {
        return , @(foreach ($one in $Value) { ConvertTo-PlainObject $one })
    }
    $Value
}

function Add-Record {
    # Names the type of an answer, for its views, and turns its times into local ones that compare with Get-Date.
    param($Record, [string]$Type)
    if ($null -eq $Record) { return }
    if ($Type) { $Record.PSObject.TypeNames.Insert(0, $Type) }
    if ($Type -eq 'Polyvirt.VM') { $script:NameOfVM[$Record.id] = $Record.name }
    foreach ($property in @($Record.PSObject.Properties)) {
        if ($property.Value -is [string] -and $property.Name -cmatch '^(at|from|to)$|(At|Until)$' -and
            $property.Value -match '^\d{4}-\d\d-\d\dT[\d:.]+Z$') {
            $property.Value = ConvertTo-Time $property.Value
        } elseif ($property.Name -in 'steps', 'points', 'history' -and $property.Value -is [array]) {
            foreach ($one in $property.Value) { [void](Add-Record $one '') }
        }
    }
    $Record
}

function ConvertTo-Time {
    param([string]$Text)
    $style = [System.Globalization.DateTimeStyles]::RoundtripKind
    [datetime]::Parse($Text, [System.Globalization.CultureInfo]::InvariantCulture, $style).ToLocalTime()
}

function ConvertTo-TimeText {
    param([datetime]$Time)
    $Time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", [System.Globalization.CultureInfo]::InvariantCulture)
}

function ConvertTo-JsonText {
    param($Value)
    if ($null -eq $Value) { return 'null' }
    if ($Value -is [securestring]) { return ConvertTo-JsonText (ConvertFrom-Secret $Value) }
    if ($Value -is [bool] -or $Value -is [switch]) { return ([string][bool]$Value).ToLowerInvariant() }
    if ($Value -is [datetime]) { return '"' + (ConvertTo-TimeText $Value) + '"' }
    if ($Value -is [System.Collections.IDictionary]) {
        $members = foreach ($key in $Value.Keys) { "$(ConvertTo-JsonText ([string]$key)):$(ConvertTo-JsonText $Value[$key])" }
        return '{' + (@($members) -join ',') + '}'
    }
    if ($Value -is [System.Collections.IEnumerable] -and $Value -isnot [string]) {
        $elements = foreach ($one in $Value) { ConvertTo-JsonText $one }
        return '[' + (@($elements) -join ',') + ']'
    }
    if ($Value -is [int] -or $Value -is [long] -or $Value -is [double] -or $Value -is [decimal]) {
        return $Value.ToString([System.Globalization.CultureInfo]::InvariantCulture)
    }
    if ($Value -is [System.Management.Automation.PSCustomObject]) {
        $members = foreach ($property in $Value.PSObject.Properties) {
            "$(ConvertTo-JsonText $property.Name):$(ConvertTo-JsonText $property.Value)"
        }
        return '{' + (@($members) -join ',') + '}'
    }
    $text = [string]$Value
    $escaped = [regex]::Replace($text, '[\u0000-\u001f"\\\u2028\u2029]', { param($found) '\u{0:x4}' -f [int][char]$found.Value })
    '"' + $escaped + '"'
}

function Select-Given {
    # What of these parameters was said: a field that nobody named is left to the gateway.
    param([System.Collections.IDictionary]$Bound, [System.Collections.IDictionary]$Field)
    $body = [ordered]@{}
    foreach ($parameter in $Field.Keys) {
        if (-not $Bound.ContainsKey($parameter)) { continue }
        $value = $Bound[$parameter]
        $body[$Field[$parameter]] = if ($value -is [switch]) { [bool]$value } else { $value }
    }
    $body
}

function ConvertFrom-Secret {
    param([securestring]$Secret)
    (New-Object System.Management.Automation.PSCredential 'x', $Secret).GetNetworkCredential().Password
}

function ConvertTo-Secret {
    param([string]$Text)
    $secret = New-Object System.Security.SecureString
    foreach ($character in $Text.ToCharArray()) { $secret.AppendChar($character) }
    $secret.MakeReadOnly()
    $secret
}
