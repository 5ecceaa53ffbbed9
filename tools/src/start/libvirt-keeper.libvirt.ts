import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { ensurePackages } from '../machine/packages.ts';
import { Enclosure } from '../machine/enclosure.ts';

const patienceMs = 120_000;
const module = (name: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, name)).href);

/** What `npm start` does for the daemons that it has started. */
const program = `
  import { startDaemons } from ${module('../machine/libvirt.ts')};
  import { LibvirtKeeper } from ${module('libvirt-keeper.ts')};
  await startDaemons();
  console.log('started');
  const times = { lookEveryMs: 100, askWithinMs: 1_000, silenceMs: 2_000 };
  const keeping = new LibvirtKeeper({ log: console.log, isDoubtful: () => true, ...times }).keep(new AbortController().signal);
  setInterval(() => undefined, 1_000);
  await keeping;
`;

let enclosure: Enclosure;
const said: string[] = [];

beforeAll(async () => {
  await ensurePackages(['kvm'], { log: () => undefined });
  const args = ['--input-type=module', '--eval', program];
  enclosure = await Enclosure.open(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface(enclosure.child.stdout!).on('line', (line) => said.push(line));
  await hears('started');
}, patienceMs);
afterAll(() => enclosure.close());

async function hears(line: string): Promise<void> {
  while (!said.includes(line)) {
    if (enclosure.child.exitCode !== null) throw new Error(`it has ended: ${said.join('\n')}`);
    await delay(20);
  }
}

async function pids(): Promise<Record<string, string>> {
  const record = await readFile(join(enclosure.folder, 'run/polyvirt/libvirtd.started'), 'utf8');
  return Object.fromEntries(
    record
      .trim()
      .split('\n')
      .map((line) => line.split(' ').slice(0, 2) as [string, string]),
  );
}

it.each(['virtlogd', 'libvirtd'])(
  'a %s that was started here and is killed is started again, and no other',
  async (name) => {
    const before = await pids();
    expect(Object.keys(before)).toEqual(['virtlogd', 'libvirtd']);
    said.length = 0;
    await enclosure.run('kill', ['-KILL', before[name]!]);
    await hears(`restarted ${name}`);
    const after = await pids();
    for (const one of ['virtlogd', 'libvirtd'])
      if (one === name) expect(after[one]).not.toBe(before[one]);
      else expect(after[one]).toBe(before[one]);
    await enclosure.run('virsh', ['-c', 'qemu:///system', 'uri']);
  },
  patienceMs,
);

it.each(['virtlogd', 'libvirtd'])(
  'a %s that hangs is ended, and started again',
  async (name) => {
    const before = await pids();
    said.length = 0;
    await enclosure.run('kill', ['-STOP', before[name]!]);
    await hears(`restarted ${name}`);
    expect(said[0]).toMatch(new RegExp(`^${name} hangs: it answered nothing for 2 s`));
    expect((await pids())[name]).not.toBe(before[name]);
    await enclosure.run('virsh', ['-c', 'qemu:///system', 'uri']);
  },
  patienceMs,
);
