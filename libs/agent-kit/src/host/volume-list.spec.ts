import { describe, expect, it } from '@jest/globals';
import { commands, type Command, type Verb, type Volume } from '@polyvirt/contracts';
import type { HypervisorDriver } from '@polyvirt/hypervisor';
import { VolumeList } from './volume-list.ts';

const made: Volume = { id: 'made', name: 'made', lastVm: 'vm-1' };
const found: Volume = { id: 'found', name: 'found' };

/** A list of one disk that was made for `vm-1` and one of which nobody knows, beside these operations. */
async function listBeside(running: Command[], onHost: () => Volume[] = () => [made, found]) {
  let published = 0;
  let looks = 0;
  const list = async () => {
    looks += 1;
    return onHost();
  };
  const driver = { volumes: { list } } as unknown as HypervisorDriver;
  const publish = async () => void (published += 1);
  const volumes = new VolumeList(driver, () => running, publish, new AbortController().signal);
  await volumes.refresh();
  return { volumes, looks: () => looks, published: () => published };
}
const command = (verb: Verb, more: Partial<Command> = {}) =>
  ({ operationId: 'op', verb, input: {}, ...more }) as Command;
const idsOf = ({ free }: VolumeList) => free.map(({ id }) => id);
const settled = () => new Promise((resolve) => setImmediate(resolve));

const works = new Set<string>([
  'vm.clone',
  'vm.delete',
  'vm.disk-add',
  'vm.disk-detach',
  'vm.pending-changes-drop',
  'vm.snapshot-create',
  'vm.snapshot-revert',
  'vm.snapshot-delete',
]);

describe('volumes of a host', () => {
  it.each(commands.filter(({ isOfVm }) => isOfVm).map(({ verb }) => verb as Verb))(
    'are no disks of a VM beside %s that may still be at work on them',
    async (verb) => {
      const { volumes } = await listBeside([command(verb, { nativeId: 'vm-1' })]);
      // A linked clone moves the disk of its source onto another file.
      expect(idsOf(volumes)).toEqual(works.has(verb) ? ['found'] : ['made', 'found']);
      expect(idsOf((await listBeside([command(verb, { nativeId: 'vm-2' })])).volumes)).toEqual(['made', 'found']);
    },
  );

  it('are no disks of a VM that is being made, which has the id of its operation', async () => {
    const { volumes } = await listBeside([command('vm.create', { operationId: 'vm-1' })]);
    expect(idsOf(volumes)).toEqual(['found']);
  });

  it('are refused while such an operation runs, but not to the operation itself', async () => {
    const own = command('vm.disk-add', { operationId: 'own', nativeId: 'vm-1', input: { volume: 'made' } });
    const other = command('volume.delete', { operationId: 'other', input: { volume: 'made' } });
    const running = [own, other];
    const { volumes } = await listBeside(running);
    expect(() => volumes.requireFree(own)).not.toThrow();
    expect(() => volumes.requireFree(other)).toThrow(expect.objectContaining({ code: 'volume-in-use' }));
    expect(() => volumes.requireFree({ input: { volume: 'found' } })).not.toThrow();
    running.splice(0);
    expect(() => volumes.requireFree(other)).not.toThrow();
  });

  it('are looked at again when an operation on disks has ended; a VM that was made brings none', async () => {
    const running = [command('vm.create', { operationId: 'vm-1' })];
    let onHost = [made, found];
    const { volumes, looks, published } = await listBeside(running, () => onHost);
    volumes.ended(command('vm.start'));
    volumes.ended(command('vm.create'));
    await settled();
    expect(looks()).toBe(1);
    // Its disk was passed over; now it is the disk of a VM.
    expect(idsOf(volumes)).toEqual(['found']);
    onHost = [found];
    volumes.ended(running.pop()!);
    await settled();
    expect([looks(), published(), idsOf(volumes)]).toEqual([2, 1, ['found']]);
    volumes.ended(command('vm.disk-detach'));
    volumes.ended(command('vm.disk-detach'));
    await settled();
    expect(looks()).toBe(4);
  });

  it('stay as they were where they cannot be listed', async () => {
    let fails = false;
    const { volumes } = await listBeside([], () => {
      if (fails) throw new Error('away');
      return [found];
    });
    fails = true;
    await volumes.refresh();
    expect(idsOf(volumes)).toEqual(['found']);
  });
});
