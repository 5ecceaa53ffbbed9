import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '@polyvirt/bus/testing';
import { Stack } from '@polyvirt/e2e/stack';
import type { Measurement } from './row.ts';
import { median, ms } from './statistics.ts';

const VMS = 1_000;
const ROUNDS = 15;
const HELP_MS = 200;
const LIST_MS = 400;

const run = promisify(execFile);
const repository = join(import.meta.dirname, '../..');

/**
 * `polyvirt --help`, and `polyvirt vm list` of 1,000 VMs from the start of the process to its end, beside `virsh list --all` of as many.
 * Those are of libvirt's test driver, which lives in the process of virsh itself: the peer has no daemon to ask.
 */
export const measureCommandLine: Measurement = async (log) => {
  const stack = await Stack.start({ agents: [{ kind: 'fake', id: 'many' }] });
  try {
    const host = stack.fakeHost('many');
    host.populate(VMS, 'vm');
    host.close();
    await eventually(async () => {
      const { vms } = (await stack.admin.GET('/api/v1/stats/summary')).data;
      if (vms.total !== VMS) throw new Error(`${vms.total} of ${VMS} VMs are shown`);
    }, 120_000);
    const { data: me } = await stack.admin.GET('/api/v1/auth/me');
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const body = { name: 'bench', scopes: me.permissions, expiresAt };
    const { data: token } = await stack.admin.POST('/api/v1/tokens', { body });
    const polyvirt = await install(stack.folder);
    log(`${VMS} VMs are there`);

    const domains = join(stack.folder, 'domains.xml');
    await writeFile(domains, testNode());
    const PATH = [dirname(process.execPath), process.env['PATH']].join(':');
    const env = { PATH, HOME: stack.folder, POLYVIRT_URL: stack.url(), POLYVIRT_TOKEN: token.secret };
    const timed = async (program: string, args: readonly string[], lines: number) => {
      const began = performance.now();
      const { stdout } = await run(program, args, { env, maxBuffer: 16 * 1024 * 1024 });
      const took = performance.now() - began;
      const shown = stdout.trim().split('\n').length;
      if (shown < lines) throw new Error(`${program} ${args.join(' ')} printed ${shown} lines, not ${lines}`);
      return took;
    };
    const help: number[] = [];
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const took = [
        await timed(polyvirt, ['--help'], 20),
        await timed(polyvirt, ['vm', 'list'], VMS + 1),
        await timed('virsh', ['-c', `test://${domains}`, 'list', '--all'], VMS + 2),
      ] as const;
      if (round < 0) continue;
      [help, ours, theirs].forEach((samples, index) => samples.push(took[index]!));
    }
    const bare = median(theirs);
    const beside = `virsh list --all ${ms(bare)}`;
    return [
      row('polyvirt --help', median(help), HELP_MS, beside, bare),
      row(`polyvirt vm list of ${VMS} VMs`, median(ours), LIST_MS, beside, bare),
    ];
  } finally {
    await stack.stop();
  }
};

const row = (work: string, took: number, barMs: number, beside: string, bare: number) => ({
  work,
  ours: ms(took),
  beside,
  ratio: took / bare,
  bar: `≤ ${barMs} ms`,
  met: took <= barMs,
});

/** As a user installs it; answers the path of the program. */
async function install(folder: string): Promise<string> {
  const { stdout } = await run(process.execPath, [join(repository, 'apps/cli/dist/package/main.js')]);
  const prefix = join(folder, 'npm');
  await run('npm', ['i', '-g', '--prefix', prefix, '--offline', '--no-audit', '--no-fund', stdout.trim()], {
    cwd: folder,
  });
  return join(prefix, 'bin', 'polyvirt');
}

function testNode(): string {
  const domain = (n: number) =>
    `<domain type='test'><name>vm-${n}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>`;
  return `<node>${Array.from({ length: VMS }, (_, n) => domain(n)).join('')}</node>`;
}
