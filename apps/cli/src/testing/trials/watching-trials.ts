import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { eventually, type Trial, type Trials } from './trial.ts';

/** An operation that runs until it is cancelled: its guest takes its time. */
async function stopping({ cli, name }: Trial): Promise<string> {
  const { id } = await cli.vm({ name, host: 'slow', start: true });
  return (await cli.admin.POST('/api/v1/vms/{vmId}/stop', { body: {}, params: { path: { vmId: id } } })).data.id;
}
const cancelled = async ({ cli }: Trial, operationId: string) =>
  (
    await cli.admin.POST('/api/v1/operations/{operationId}/cancel', {
      params: { path: { operationId }, header: { Prefer: 'wait=60' } },
    })
  ).data;

/** A running VM that has been measured. */
async function measured({ cli, name }: Trial): Promise<string> {
  const { id } = await cli.vm({ name, start: true });
  await eventually(async () => {
    await cli.admin.GET('/api/v1/vms/{vmId}/metrics', { params: { path: { vmId: id } } });
    const { data } = await cli.admin.GET('/api/v1/vms/{vmId}/metrics/history', { params: { path: { vmId: id } } });
    if (data.points.length === 0) throw new Error('there is no point yet');
  });
  return id;
}

async function archived({ cli, name }: Trial): Promise<void> {
  const { id } = await cli.vm({ name });
  await eventually(async () => {
    const { data } = await cli.admin.GET('/api/v1/archives/{vmId}', { params: { path: { vmId: id } } });
    if (!data.files.some(({ path }) => path === 'metadata.json')) throw new Error('there is no file yet');
  });
}

/** A host that nobody joins as, made without the programs. */
const addHost = async ({ cli, name }: Trial) =>
  (await cli.admin.POST('/api/v1/hosts', { body: { id: name, hypervisor: 'kvm' } })).data;
const removeHost = ({ cli, name }: Trial) =>
  cli.admin.DELETE('/api/v1/hosts/{hostId}', { params: { path: { hostId: name } } });

export const watchingTrials: Trials = {
  'host list': async ({ done }) => {
    expect(await done(['host', 'list', '-o', 'name'])).toBe('fake-a\nfake-b\nslow\n');
  },
  'host get': async ({ done }) => {
    expect(await done(['host', 'get', 'fake-a'])).toContain('state: ready');
  },
  'host add': async (trial) => {
    const text = await trial.done(['host', 'add', trial.name, '--hypervisor', 'kvm', '--no-wait']);
    expect(text).toMatch(/polyvirt-agent join http:\/\/127\.0\.0\.1:\d+ --token pvj_\S+/);
    expect(await trial.done(['host', 'get', trial.name])).toContain('state: joining');
    await removeHost(trial);
  },
  'host rotate': async (trial) => {
    const { token } = await addHost(trial);
    const again = await trial.done(['host', 'rotate', trial.name, '--no-wait', '-o', 'json']);
    expect(again).toMatch(/"token": "pvj_/);
    expect(again).not.toContain(token);
    await removeHost(trial);
  },
  'host drain': async (trial) => {
    await addHost(trial);
    expect(await trial.done(['host', 'drain', trial.name])).toMatch(/^drain:$/m);
    expect(await trial.done(['host', 'drain', trial.name, '--off'])).not.toMatch(/^drain:$/m);
    await removeHost(trial);
  },
  'host remove': async (trial) => {
    await addHost(trial);
    await trial.done(['host', 'remove', trial.name]);
    expect(await trial.done(['host', 'list', '-o', 'name'])).not.toContain(trial.name);
  },
  'host status': async ({ done }) => {
    expect(await done(['host', 'status'])).toMatch(/^fake-b +kvm \(simulated\) +ready/m);
  },
  'image list': async ({ done }) => {
    expect(await done(['image', 'list', 'fake-a'])).toMatch(/^tiny-linux +disk/m);
  },
  'network list': async ({ done }) => {
    expect(await done(['network', 'list', 'fake-a'])).toMatch(/^default /m);
  },
  'template list': async ({ done }) => {
    expect(await done(['template', 'list', 'fake-a'])).toMatch(/^NAME/);
  },
  'op list': async (trial) => {
    const operationId = await stopping(trial);
    expect(await trial.done(['op', 'list', '--vm', trial.name, '--verb', 'vm.stop', '-o', 'name'])).toBe(
      `${operationId}\n`,
    );
    await cancelled(trial, operationId);
  },
  'op get': async (trial) => {
    const operationId = await stopping(trial);
    expect(await trial.done(['op', 'get', operationId])).toContain('verb: vm.stop');
    await cancelled(trial, operationId);
  },
  'op wait': async (trial) => {
    const operationId = await stopping(trial);
    await cancelled(trial, operationId);
    expect(await trial.ends(1, ['op', 'wait', operationId])).toContain('cancelled');
  },
  'op cancel': async (trial) => {
    const operationId = await stopping(trial);
    expect(await trial.done(['op', 'cancel', operationId, '--wait'])).toContain('cancelled');
  },
  'op retry': async (trial) => {
    const operationId = await stopping(trial);
    await cancelled(trial, operationId);
    const another = (await trial.done(['op', 'retry', operationId, '--no-wait'])).trim();
    const { data } = await trial.cli.admin.GET('/api/v1/operations/{operationId}', {
      params: { path: { operationId: another } },
    });
    expect(data).toMatchObject({ verb: 'vm.stop', retryOf: operationId });
    await cancelled(trial, another);
  },
  'archive list': async (trial) => {
    await archived(trial);
    expect(await trial.done(['archive', 'list', '-q', trial.name])).toMatch(new RegExp(`^${trial.name} `, 'm'));
  },
  'archive get': async (trial) => {
    await archived(trial);
    expect(await trial.done(['archive', 'get', trial.name])).toContain(`name: ${trial.name}`);
    expect(await trial.done(['archive', 'get', trial.name, '--files'])).toMatch(/^metadata\.json /m);
  },
  'archive download': async (trial) => {
    await archived(trial);
    const words = ['archive', 'download', trial.name, 'metadata.json'];
    expect(JSON.parse(await trial.done(words))).toMatchObject({ name: trial.name });
    const file = join(trial.cli.programs.folder, `${trial.name}.json`);
    expect(await trial.done([...words, '--to', file])).toBe('');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ name: trial.name });
    await trial.ends(2, [...words, '--to', join(file, 'below-a-file')]);
  },
  'event list': async (trial) => {
    const lines = (await trial.done(['event', 'list', '--since', '0', '--count', '2'])).trim().split('\n');
    expect(lines).toHaveLength(2);
    if (trial.inTerminal) expect(lines[0]).toMatch(/^\d{4}-\S+ +[a-z.-]+ .*\(\d+\)$/);
    else expect(JSON.parse(lines[0]!)).toMatchObject({ event: { specversion: '1.0' } });
  },
  'metrics get': async (trial) => {
    await measured(trial);
    expect(await trial.done(['metrics', 'get', trial.name])).toMatch(/^cpuPercent: /m);
  },
  'metrics history': async (trial) => {
    await measured(trial);
    expect(await trial.done(['metrics', 'history', trial.name])).toMatch(/^TIME +CPU .*\n\d{4}-\S+ +\d/);
  },
  stats: async ({ done }) => {
    expect(await done(['stats'])).toMatch(/^hosts:\n +total: 3$/m);
  },
  top: async (trial) => {
    await trial.cli.vm({ name: trial.name, start: true });
    const words = ['top', '--filter', `name=${trial.name}`];
    const shown = new RegExp(`${trial.name} +running`);
    expect(await trial.done(words, { dialogue: [[shown, 'q']] })).toMatch(shown);
  },
  console: async (trial) => {
    await trial.cli.vm({ name: trial.name, disks: [{ image: 'tiny-linux' }], start: true });
    const dialogue = [
      [/root@.*# /, 'echo one""two'],
      [/onetwo/, '\x1d'],
    ] as const;
    if (trial.inTerminal) expect(await trial.done(['console', trial.name], { dialogue })).toContain('onetwo');
    else expect(await trial.ends(2, ['console', trial.name])).toContain('needs a terminal');
  },
  query: async ({ done }) => {
    expect(JSON.parse(await done(['query', 'GET', '/hosts/fake-a']))).toMatchObject({ id: 'fake-a' });
  },
  commands: async ({ done }) => {
    const listed = JSON.parse(await done(['commands', '-o', 'json'])) as object[];
    expect(listed).toContainEqual(
      expect.objectContaining({
        name: 'vm start',
        calls: ['POST /api/v1/vms/{vmId}/start'],
        exitCodes: expect.objectContaining({ 0: expect.any(String), 130: expect.any(String) }),
      }),
    );
  },
  completion: async ({ done }) => {
    expect(await done(['completion', 'bash'])).toContain('complete -o default -F _polyvirt polyvirt');
  },
  version: async ({ done }) => {
    expect(await done(['version'])).toMatch(/^\d+\.\d+\.\d+\n$/);
  },
};
