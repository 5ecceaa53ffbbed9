import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ensurePowerShell, imageCache, root } from '@polyvirt/tools';
import { PesterRun } from './powershell/pester-run.ts';
import { Stack } from './stack/stack.ts';

/** Longer than any of its files takes. */
const patienceMs = 300_000;

const pester = await PesterRun.start(await ensurePowerShell(imageCache, () => undefined), {
  folder: join(root, 'clients/powershell/tests'),
});
const files = Map.groupBy(pester.found, ({ file }) => file);

describe('the PowerShell module', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await Stack.start({
      agents: [
        { kind: 'fake', id: 'lab-kvm', bootMs: 0 },
        { kind: 'fake', id: 'lab-ahv', bootMs: 0, settings: { POLYVIRT_FAKE_HYPERVISOR: 'nutanix' } },
      ],
    });
    // As `npm start` leaves it: everything but what a test connects itself is found by this file.
    const folder = join(stack.folder, 'work');
    await mkdir(join(folder, '.polyvirt'), { recursive: true });
    const run = { url: stack.url(), username: 'admin', password: stack.adminPassword, natsUrl: '', processes: {} };
    await writeFile(join(folder, '.polyvirt/run.json'), JSON.stringify(run), { mode: 0o600 });
    pester.grantWishes(async (wish) => {
      if (wish.fail !== undefined) await stack.fail(wish.fail.host, ...wish.fail.faults);
      if (wish.kill !== undefined) await stack.kill(wish.kill);
      if (wish.launch !== undefined) await stack.launch(wish.launch);
      if (wish.ready === true) await stack.ready();
    });
    pester.go({ url: stack.url(), password: stack.adminPassword, folder, repository: root });
  }, patienceMs);

  afterAll(async () => {
    await pester.end();
    await stack?.stop();
  });

  for (const [file, tests] of files)
    describe(file, () => {
      it.each(tests.map(({ name }) => name))(
        '%s',
        async (name) => {
          const { errors, tests: ended } = await pester.endOf(file);
          expect(errors).toEqual([]);
          const test = ended.find((one) => one.name === name);
          if (test?.result !== 'Passed') throw new Error(test?.message || `Pester says ${test?.result ?? 'nothing'}`);
        },
        patienceMs,
      );
    });
});
