# What Windows PowerShell 5.1 on .NET Framework 4.5 has, of what the module uses; from its reference documentation.
# A command, parameter or static member that is not here is refused: look it up for 5.1, and add it if it is there.
@{
    Commands = @{
        'Add-Member'                 = 'InputObject', 'MemberType', 'Name', 'Value', 'SecondValue', 'TypeName', 'Force', 'PassThru', 'NotePropertyName', 'NotePropertyValue', 'NotePropertyMembers'
        'Add-Type'                   = 'TypeDefinition', 'Name', 'MemberDefinition', 'Namespace', 'UsingNamespace', 'Path', 'LiteralPath', 'AssemblyName', 'Language', 'ReferencedAssemblies', 'OutputAssembly', 'OutputType', 'PassThru', 'IgnoreWarnings'
        'ConvertFrom-Json'           = 'InputObject'
        'Export-Clixml'              = 'Depth', 'Path', 'LiteralPath', 'InputObject', 'Force', 'NoClobber', 'Encoding', 'WhatIf', 'Confirm'
        'ForEach-Object'             = 'InputObject', 'Begin', 'Process', 'End', 'RemainingScripts', 'MemberName', 'ArgumentList', 'WhatIf', 'Confirm'
        'Get-Command'                = 'Name', 'Verb', 'Noun', 'Module', 'FullyQualifiedModule', 'CommandType', 'TotalCount', 'Syntax', 'ShowCommandInfo', 'ArgumentList', 'All', 'ListImported', 'ParameterName', 'ParameterType'
        'Get-Credential'             = 'Credential', 'Message', 'UserName'
        'Get-Location'               = 'PSProvider', 'PSDrive', 'Stack', 'StackName'
        'Import-Clixml'              = 'Path', 'LiteralPath', 'IncludeTotalCount', 'Skip', 'First'
        'Import-Module'              = 'Name', 'Global', 'Prefix', 'Function', 'Cmdlet', 'Variable', 'Alias', 'Force', 'PassThru', 'MinimumVersion', 'MaximumVersion', 'RequiredVersion', 'ArgumentList', 'DisableNameChecking', 'NoClobber', 'Scope'
        'Import-PowerShellDataFile'  = 'Path', 'LiteralPath'
        'New-Object'                 = 'TypeName', 'ArgumentList', 'Property', 'ComObject', 'Strict'
        'Read-Host'                  = 'Prompt', 'AsSecureString'
        'Register-ArgumentCompleter' = 'CommandName', 'ParameterName', 'ScriptBlock', 'Native'
        'Set-Alias'                  = 'Name', 'Value', 'Description', 'Option', 'PassThru', 'Scope', 'Force', 'WhatIf', 'Confirm'
        'Set-StrictMode'             = 'Version', 'Off'
        'Set-Variable'               = 'Name', 'Value', 'Include', 'Exclude', 'Description', 'Option', 'Force', 'Visibility', 'PassThru', 'Scope', 'WhatIf', 'Confirm'
        'Sort-Object'                = 'Property', 'InputObject', 'Descending', 'Unique', 'CaseSensitive', 'Culture'
        'Start-Sleep'                = 'Seconds', 'Milliseconds'
        'Where-Object'               = 'InputObject', 'FilterScript', 'Property', 'Value', 'EQ', 'NE', 'GT', 'GE', 'LT', 'LE', 'Like', 'NotLike', 'Match', 'NotMatch', 'In', 'NotIn', 'Contains', 'NotContains', 'Is', 'IsNot'
        'Write-Debug'                = , 'Message'
        'Write-Progress'             = 'Activity', 'Status', 'Id', 'PercentComplete', 'SecondsRemaining', 'CurrentOperation', 'ParentId', 'Completed', 'SourceId'
        'Write-Verbose'              = , 'Message'
        'Write-Warning'              = , 'Message'
    }
    Common   = 'Verbose', 'Debug', 'ErrorAction', 'WarningAction', 'InformationAction', 'ErrorVariable', 'WarningVariable', 'InformationVariable', 'OutVariable', 'OutBuffer', 'PipelineVariable'
    # Behind a look at whether it is there, or at the operating system.
    Guarded  = @{
        'chmod'                       = 'session.ps1'
        'ConvertFrom-Json @splatting' = 'record.ps1'
    }
    Members  = @(
        'array', 'bool', 'char', 'double', 'int', 'long', 'object[]', 'string', 'switch', 'void', 'pscustomobject'
        'Array::Copy', 'BitConverter::ToString', 'Console::IsInputRedirected', 'Convert::ToBase64String'
        'datetime::Now', 'datetime::Parse', 'datetime::UtcNow'
        'Environment::GetCommandLineArgs', 'Environment::MachineName', 'Environment::NewLine', 'Environment::OSVersion', 'Environment::UserInteractive'
        'guid::NewGuid', 'int::MaxValue', 'math::Ceiling', 'math::Max', 'math::Min', 'pscredential::Empty', 'regex::Replace'
        'StringComparison::OrdinalIgnoreCase'
        'System.Globalization.CultureInfo::InvariantCulture', 'System.Globalization.DateTimeStyles::RoundtripKind'
        'System.IO.Directory::CreateDirectory', 'System.IO.Directory::Exists', 'System.IO.Directory::GetFiles'
        'System.IO.File::Delete', 'System.IO.File::Exists', 'System.IO.File::GetLastWriteTimeUtc', 'System.IO.File::OpenRead', 'System.IO.File::ReadAllText', 'System.IO.File::WriteAllBytes', 'System.IO.File::WriteAllText'
        'System.IO.Path::Combine', 'System.IO.Path::GetDirectoryName', 'System.IO.Path::GetFileName'
        'System.Net.DecompressionMethods::GZip'
        'System.Net.Http.Headers.MediaTypeHeaderValue::Parse', 'System.Net.Http.HttpCompletionOption::ResponseHeadersRead'
        'System.Net.SecurityProtocolType::Tls12', 'System.Net.ServicePointManager::SecurityProtocol'
        'System.Security.Cryptography.SHA256::Create', 'System.Text.Encoding::UTF8', 'System.Threading.Tasks.Task::WaitAny', 'System.Threading.Timeout::InfiniteTimeSpan'
        'uri::EscapeDataString', 'uri::TryCreate', 'UriKind::Absolute'
        'WildcardPattern::ContainsWildcardCharacters', 'WildcardPattern::Escape'
    )
}
