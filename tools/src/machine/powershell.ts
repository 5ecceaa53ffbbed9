import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { CommandFailed, run } from './command.ts';

export const POWERSHELL_VERSION = '7.6.9';
export const PESTER_VERSION = '5.7.1';

/** What the tests of the PowerShell module run with. */
export interface PowerShell {
  /** Path of `pwsh`. */
  readonly program: string;
  /** Path of Pester's manifest. */
  readonly pester: string;
}

/** There is none and none can be made. The message is one line that says how to get it. */
export class PowerShellMissing extends Error {
  override readonly name = 'PowerShellMissing';
}

/** Environment in which neither PowerShell nor .NET calls home, or writes beside the folder it is given. */
export function quietly(folder: string): NodeJS.ProcessEnv {
  return {
    DOTNET_CLI_TELEMETRY_OPTOUT: '1',
    DOTNET_NOLOGO: '1',
    DOTNET_EnableDiagnostics: '0',
    POWERSHELL_TELEMETRY_OPTOUT: '1',
    POWERSHELL_UPDATECHECK: 'Off',
    NUGET_PACKAGES: join(folder, 'packages'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_DATA_HOME: join(folder, 'data'),
  };
}

/**
 * A `pwsh` of the PATH, else one of the cache, else one that the .NET SDK installs there; Pester alike. Throws
 * `PowerShellMissing` where there is no SDK.
 */
export async function ensurePowerShell(cacheDir: string, log: (line: string) => void): Promise<PowerShell> {
  const folder = join(cacheDir, 'powershell');
  const made = join(folder, POWERSHELL_VERSION, 'pwsh');
  const pester = join(folder, 'packages', 'pester', PESTER_VERSION, 'tools', 'Pester.psd1');
  const found = onPath('pwsh') ?? (existsSync(made) ? made : undefined);
  if (found !== undefined && existsSync(pester)) return { program: found, pester };
  if (onPath('dotnet') === undefined) {
    const own = found === undefined ? undefined : await installedPester(found, folder);
    if (found !== undefined && own !== undefined) return { program: found, pester: own };
    throw new PowerShellMissing(
      found === undefined
        ? 'not run: there is no pwsh; install PowerShell 7, or the .NET SDK 10, with which this makes one'
        : `not run: ${found} has no Pester ${PESTER_VERSION}; run Install-Module Pester -RequiredVersion ${PESTER_VERSION}`,
    );
  }
  await mkdir(folder, { recursive: true });
  const env = quietly(folder);
  try {
    if (!existsSync(pester)) {
      log(`fetching Pester ${PESTER_VERSION}`);
      await restorePester(folder, env);
    }
    if (found !== undefined) return { program: found, pester };
    log(`fetching PowerShell ${POWERSHELL_VERSION}`);
    await installTool(folder, env);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    log(error.message);
    throw new PowerShellMissing(
      'not run: NuGet has not given what it needs, see the log; install PowerShell 7 and Pester',
    );
  }
  return { program: made, pester };
}

function onPath(program: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const names = process.platform === 'win32' ? [`${program}.exe`] : [program];
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));
}

async function installedPester(pwsh: string, folder: string): Promise<string | undefined> {
  const ask =
    '(Get-Module -ListAvailable Pester | Where-Object { $_.Version.Major -eq 5 } | Sort-Object Version | Select-Object -Last 1).Path';
  const path = (await run(pwsh, ['-NoProfile', '-NonInteractive', '-Command', ask], { env: quietly(folder) })).trim();
  return path === '' ? undefined : path;
}

/** In a folder beside, so that one that was interrupted is not taken for a whole one. */
async function installTool(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const draft = await mkdtemp(join(folder, 'draft-'));
  try {
    const args = ['tool', 'install', 'PowerShell', '--version', POWERSHELL_VERSION, '--tool-path', draft];
    await run('dotnet', args, { env, cwd: folder, timeoutMs: 10 * 60_000 });
    await rename(draft, join(folder, POWERSHELL_VERSION));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Pester is a package of NuGet that no project of .NET refers to: a project that is nothing else fetches it. */
async function restorePester(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const draft = await mkdtemp(join(folder, 'draft-'));
  try {
    const project = [
      '<Project Sdk="Microsoft.NET.Sdk">',
      '<PropertyGroup><TargetFramework>netstandard2.0</TargetFramework>',
      '<DisableImplicitFrameworkReferences>true</DisableImplicitFrameworkReferences></PropertyGroup>',
      `<ItemGroup><PackageDownload Include="Pester" Version="[${PESTER_VERSION}]" /></ItemGroup>`,
      '</Project>',
    ];
    await writeFile(join(draft, 'pester.csproj'), project.join('\n'));
    await run('dotnet', ['restore', join(draft, 'pester.csproj')], { env, cwd: draft, timeoutMs: 10 * 60_000 });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
