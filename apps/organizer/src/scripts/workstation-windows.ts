import { batchValue } from './quote.ts';

/** cmd wants both line ends. */
const batch = (text: string) => text.replaceAll('\n', '\r\n');

const head = (vmx: string) => `if not defined VMX set "VMX=${batchValue(vmx)}"
if not defined VMX (
  echo The path of the .vmx file was not known when this was written; give it in VMX. 1>&2
  exit /b 1
)
if not exist "%VMX%" (
  echo Cannot find the .vmx file of the VM; if it has moved, give its path in VMX. 1>&2
  exit /b 1
)
set "VMRUN=%ProgramFiles(x86)%\\VMware\\VMware Workstation\\vmrun.exe"
if not exist "%VMRUN%" set "VMRUN=%ProgramFiles%\\VMware\\VMware Workstation\\vmrun.exe"
if not exist "%VMRUN%" set "VMRUN=vmrun.exe"
for /f %%T in ('powershell -NoProfile -Command "[DateTime]::UtcNow.ToString('yyyyMMddTHHmmssZ')"') do set "STAMP=%%T"
`;

/** For VMware Workstation on Windows. Without delayed expansion, so that exclamation marks in paths stay what they are. */
export const windowsBackup = (vmx: string, label: string): string =>
  batch(`@echo off
rem Copies the folder of one VM; a running VM is suspended for that time, and goes on afterwards.
rem   backup_script.bat [folder for the backup]     by default "backups" beside this script
rem VMX names the .vmx file, should it have moved.
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 >nul
${head(vmx)}set "LABEL=${batchValue(label)}"
set "TARGET=%~f1"
if not defined TARGET set "TARGET=%~dp0backups"
set "FINAL=%TARGET%\\%LABEL%_%STAMP%"
set "WORK=%FINAL%.partial"
for %%F in ("%VMX%") do set "SOURCE=%%~dpF."
set "SUSPENDED="

rem vmrun fails with -1 as well, which errorlevel takes for less than 1.
set "STATUS=0"
set "LIST=%TEMP%\\polyvirt-%RANDOM%-%RANDOM%.txt"
"%VMRUN%" -T ws list >"%LIST%" || (
  echo vmrun does not say which VMs are running. 1>&2
  del "%LIST%"
  exit /b 1
)
find /i "%VMX%" <"%LIST%" >nul
set "FOUND=%ERRORLEVEL%"
del "%LIST%"
rem What is in the files of a VM is for whoever makes the backup: others would inherit the right to read it.
mkdir "%WORK%" || exit /b 1
icacls "%WORK%" /inheritance:r /grant:r "%USERDOMAIN%\\%USERNAME%:(OI)(CI)F" "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" >nul || (
  rmdir "%WORK%"
  echo The folder of the backup could not be closed to others. 1>&2
  exit /b 1
)
if not "%FOUND%"=="0" goto copy
set "SUSPENDED=yes"
"%VMRUN%" -T ws suspend "%VMX%" soft || (
  rmdir "%WORK%"
  echo The VM could not be suspended. 1>&2
  exit /b 1
)

:copy
robocopy "%SOURCE%" "%WORK%" /e /r:2 /w:2 /xd *.lck /xf *.lck /njh /njs /ndl /np >nul
set "COPIED=%ERRORLEVEL%"
if not defined SUSPENDED goto finish
"%VMRUN%" -T ws start "%VMX%" nogui || (
  echo The VM could not be started again. 1>&2
  set "STATUS=1"
)

:finish
rem robocopy says with 8 and more that something was not copied.
if %COPIED% geq 8 (
  rmdir /s /q "%WORK%"
  echo The copy failed. 1>&2
  exit /b 1
)
move "%WORK%" "%FINAL%" >nul
if errorlevel 1 exit /b 1
echo "%FINAL%"
exit /b %STATUS%
`);

export const windowsSnapshot = (vmx: string): string =>
  batch(`@echo off
rem Takes a snapshot of one VM, with its memory if it is running.
rem   snapshot_script.bat [name of the snapshot]     by default the present time
rem VMX names the .vmx file, should it have moved.
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 >nul
${head(vmx)}set "SNAPSHOT=%~1"
if not defined SNAPSHOT set "SNAPSHOT=snapshot-%STAMP%"
"%VMRUN%" -T ws snapshot "%VMX%" "%SNAPSHOT%"
exit /b %ERRORLEVEL%
`);
