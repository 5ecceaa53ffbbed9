import type { NativeId, VmState } from '@polyvirt/contracts';
import type { HostFile, OtherTool } from '@polyvirt/hypervisor/testing';
import { objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';
import { deviceTypeOf } from '../vm/vm-reader.ts';
import type { PrismSimulator } from './prism-simulator.ts';

const states: Readonly<Record<string, VmState>> = {
  ON: 'running',
  OFF: 'stopped',
  PAUSED: 'paused',
  SUSPENDED: 'suspended',
};
const named = (entity: JsonObject) => textAt(objectAt(entity, 'status'), 'name') ?? '';
const idOf = (entity: JsonObject) => textAt(objectAt(entity, 'metadata'), 'uuid') ?? '';
const resources = (entity: JsonObject) => objectAt(objectAt(entity, 'status'), 'resources');

/** Lets Prism show an entity in a way of its own: members of its reads are replaced, objects member by member. */
export async function disguise(simulator: PrismSimulator, uuid: string, look: JsonObject): Promise<void> {
  await simulator.control('PUT', `/entities/${uuid}/shown`, look);
}

export async function undisguise(simulator: PrismSimulator, uuid: string): Promise<void> {
  await simulator.control('DELETE', `/entities/${uuid}/shown`);
}

/** What Prism's own console shows and does beside the driver, of the VMs that `isOurs` lets through. */
export function prismConsole(
  simulator: PrismSimulator,
  isOurs: (name: string) => boolean,
  make: (name: string) => Promise<NativeId>,
): Pick<OtherTool, 'see' | 'makeUnreadable' | 'hide' | 'refuseStart' | 'suspend' | 'crash'> & {
  files(): Promise<HostFile[]>;
} {
  const hide = async (nativeId: NativeId) => {
    await disguise(simulator, nativeId, { spec: { resources: null }, status: { resources: 'none' } });
    return () => undisguise(simulator, nativeId);
  };
  const ours = async (kind: string) => (await simulator.list(kind)).filter((entity) => isOurs(named(entity)));
  return {
    see: async () =>
      (await ours('vms')).map((vm) => ({
        nativeId: idOf(vm),
        name: named(vm),
        state: states[textAt(resources(vm), 'power_state') ?? ''] ?? 'unknown',
      })),

    makeUnreadable: async (name) => {
      const nativeId = await make(name);
      return { nativeId, mend: await hide(nativeId) };
    },

    hide,

    refuseStart: async (nativeId) => {
      const { id } = await simulator.control('POST', '/faults', {
        method: 'PUT',
        path: `/api/nutanix/v3/vms/${nativeId}`,
        bodyContains: '"power_state":"ON"',
        effect: { kind: 'status', status: 422, reason: 'INVALID_REQUEST', message: 'A disk of the VM cannot be read.' },
      });
      return async () => {
        await simulator.control('DELETE', `/faults/${String(id)}`);
      };
    },

    // Prism Element and acli can, which is why Prism Central may show it.
    suspend: async (nativeId) => void (await simulator.control('POST', `/vms/${nativeId}/suspend`, {})),

    crash: { none: 'Prism Central has no state for a VM that crashed: it shows it off.' },

    files: async () => {
      const vms = await ours('vms');
      const disks = vms.flatMap((vm) =>
        objectsAt(resources(vm), 'disk_list')
          .filter((disk) => deviceTypeOf(disk) === 'DISK')
          .map((disk) => ({ path: textAt(disk, 'uuid') ?? '', users: [idOf(vm)] })),
      );
      // A disk that was kept lives on as an image.
      const images = (await ours('images')).map((image) => ({
        path:
          textAt(objectAt(objectAt(objectAt(image, 'spec'), 'resources'), 'data_source_reference'), 'uuid') ??
          idOf(image),
        users: [],
      }));
      const points = (await simulator.list('vm_recovery_points')).map((point) => {
        const parent = textAt(objectAt(resources(point), 'parent_vm_reference'), 'uuid') ?? '';
        return { path: idOf(point), users: vms.some((vm) => idOf(vm) === parent) ? [parent] : [] };
      });
      return [...disks, ...images, ...points];
    },
  };
}
