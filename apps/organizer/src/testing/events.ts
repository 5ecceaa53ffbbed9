import type { CloudEvent, NativeDefinition, Snapshot, VmRecord } from '@polyvirt/contracts';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlacedEvent } from '../archive/archive.ts';

export const nativeId = '4b2c5f10-6a5e-4c0e-9f6e-0123456789ab';

export const record = (changes: Partial<VmRecord> = {}): VmRecord => {
  const id = changes.nativeId ?? nativeId;
  return {
    id: `kvm-lab1~${id}`,
    host: 'kvm-lab1',
    hypervisor: 'kvm',
    simulated: false,
    nativeId: id,
    name: 'web-1',
    state: 'stopped',
    cpus: 2,
    memoryMiB: 512,
    disks: [{ device: 'vda', sizeGiB: 1, path: '/nowhere/web-1.qcow2' }],
    nics: [{ mac: '52:54:00:00:00:01', network: 'default', addresses: ['192.168.122.10'] }],
    snapshots: [],
    createdAt: '2026-11-21T10:00:00.000Z',
    observedAt: '2026-11-21T10:00:01.000Z',
    ...changes,
  };
};

export const definition = (files: string[] = [], text = '<domain/>\n'): NativeDefinition => ({
  format: 'libvirt-xml',
  text,
  files,
});

export const snapshot = (name: string): Snapshot => ({
  id: name,
  name,
  parent: null,
  current: true,
  memory: false,
  state: 'stopped',
  createdAt: '2026-11-21T10:00:00.000Z',
});

/** Events in the order of a stream, a second apart. */
export class History {
  readonly events: PlacedEvent[] = [];

  add(type: string, vm: VmRecord, fields: Record<string, unknown> = {}): PlacedEvent {
    const sequence = this.events.length + 1;
    const event: CloudEvent = {
      specversion: '1.0',
      id: `event-${sequence}`,
      source: `/hosts/${vm.host}/agent`,
      type,
      subject: vm.id,
      time: new Date(Date.parse('2026-11-21T10:00:00Z') + sequence * 1_000).toISOString(),
      datacontenttype: 'application/json',
      data: { vm, ...fields },
    };
    const placed = { event, sequence };
    this.events.push(placed);
    return placed;
  }
}

/** Everything below a folder: path to mode and content, or to the target of a link. */
export async function tree(folder: string, prefix = ''): Promise<Record<string, string>> {
  const result: Record<string, string> = {};
  const entries = await readdir(join(folder, prefix), { withFileTypes: true });
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = join(prefix, entry.name);
    if (entry.isSymbolicLink()) {
      result[path] = `-> ${await readlink(join(folder, path))}`;
    } else if (entry.isDirectory()) {
      result[`${path}/`] = 'folder';
      Object.assign(result, await tree(folder, path));
    } else {
      const mode = ((await stat(join(folder, path))).mode & 0o777).toString(8);
      result[path] = `${mode} ${await readFile(join(folder, path), 'utf8')}`;
    }
  }
  return result;
}
