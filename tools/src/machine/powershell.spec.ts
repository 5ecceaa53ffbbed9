import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensurePowerShell, PESTER_VERSION, POWERSHELL_VERSION, PowerShellMissing } from './powershell.ts';

describe('ensurePowerShell', () => {
  const path = process.env['PATH'];
  let folder: string;
  const put = async (...names: string[]) => {
    const file = join(folder, ...names);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '');
    return file;
  };
  const ensure = () => ensurePowerShell(join(folder, 'cache'), () => undefined);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-powershell-'));
    process.env['PATH'] = join(folder, 'bin');
  });
  afterEach(async () => {
    process.env['PATH'] = path;
    await rm(folder, { recursive: true, force: true });
  });

  it('says in one line how to get one, where there is neither one nor the SDK', async () => {
    const missing = await ensure().catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(PowerShellMissing);
    expect((missing as Error).message).toMatch(/^not run: .*PowerShell 7.*\.NET SDK[^\n]*$/);
  });

  it('takes one of the PATH before one that was made, and Pester of the cache', async () => {
    const pester = await put('cache', 'powershell', 'packages', 'pester', PESTER_VERSION, 'tools', 'Pester.psd1');
    const made = await put('cache', 'powershell', POWERSHELL_VERSION, 'pwsh');
    expect(await ensure()).toEqual({ program: made, pester });
    const own = await put('bin', process.platform === 'win32' ? 'pwsh.exe' : 'pwsh');
    expect(await ensure()).toEqual({ program: own, pester });
  });
});
