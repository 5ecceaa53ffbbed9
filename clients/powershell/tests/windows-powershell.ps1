# Finds in a script what Windows PowerShell 5.1 does not have, without one at hand.

function Get-NewerFeature {
    # Answers a line for each: where it is, and what.
    param([string]$Text, [string]$FileName, [hashtable]$Has, [string[]]$OwnCommand)
    $tokens = $null
    $errors = $null
    $ast = [System.Management.Automation.Language.Parser]::ParseInput($Text, [ref]$tokens, [ref]$errors)
    $say = { param($Extent, $What) "${FileName}:$($Extent.StartLineNumber): $What" }
    foreach ($fault in $errors) { & $say $fault.Extent $fault.Message }
    if ($Text -cmatch '[^\x00-\x7f]') { "${FileName}: a character beyond ASCII, which 5.1 reads in the code page of the machine" }
    foreach ($token in $tokens) {
        if ($token.Kind -in 'QuestionMark', 'QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket', 'AndAnd', 'OrOr', 'Clean') {
            & $say $token.Extent "the operator $($token.Text)"
        }
        if ($token.Kind -eq 'Number' -and $token.Text -match '^0b|[0-9a-f](uy|us|ul|u|n|y|s)$' -and $token.Text -notmatch '^0x[0-9a-f]+$') {
            & $say $token.Extent "the number $($token.Text)"
        }
        if ($token.Kind -in 'StringExpandable', 'HereStringExpandable' -and $token.Text -match '(?<!`)(``)*`(e|u\{)') { & $say $token.Extent 'the escape `e or `u{}' }
        if ($token.Kind -eq 'Variable' -and $token.Name -in 'IsWindows', 'IsLinux', 'IsMacOS', 'IsCoreCLR', 'PSStyle', 'EnabledExperimentalFeatures', 'PSNativeCommandUseErrorActionPreference') {
            & $say $token.Extent "the variable `$$($token.Name)"
        }
    }
    foreach ($pipeline in $ast.FindAll({ $args[0] -is [System.Management.Automation.Language.PipelineBaseAst] -and $args[0].Background }, $true)) {
        & $say $pipeline.Extent 'a pipeline in the background'
    }
    foreach ($command in $ast.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true)) {
        $name = $command.GetCommandName()
        if ($null -eq $name -or $name -in $OwnCommand) { continue }
        if ($Has.Guarded[$name] -eq $FileName) { continue }
        if (-not $Has.Commands.ContainsKey($name)) { & $say $command.Extent "the command $name"; continue }
        foreach ($element in $command.CommandElements) {
            if ($element -is [System.Management.Automation.Language.VariableExpressionAst] -and $element.Splatted -and
                $Has.Guarded["$name @splatting"] -ne $FileName) {
                & $say $element.Extent "parameters of $name that cannot be seen here"
            }
            if ($element -is [System.Management.Automation.Language.CommandParameterAst] -and
                $element.ParameterName -notin $Has.Commands[$name] -and $element.ParameterName -notin $Has.Common) {
                & $say $element.Extent "the parameter $name -$($element.ParameterName)"
            }
        }
    }
    foreach ($member in $ast.FindAll({ $args[0] -is [System.Management.Automation.Language.MemberExpressionAst] -and $args[0].Static }, $true)) {
        $used = "$($member.Expression.TypeName.FullName)::$($member.Member.Extent.Text)"
        if ($used -notin $Has.Members) { & $say $member.Extent "the member [$($member.Expression.TypeName.FullName)]::$($member.Member.Extent.Text)" }
    }
}
