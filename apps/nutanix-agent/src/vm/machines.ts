import {
  foreignText,
  ProblemError,
  type DriverVm,
  type Guest,
  type NativeDefinition,
  type NativeId,
  type Snapshot,
} from '@polyvirt/contracts';
import { isReadable, type ListedVm, type UnreadableVm } from '@polyvirt/hypervisor';
import { objectsAt, textAt, objectAt, type JsonObject } from '../client/json.ts';
import { definitionOf } from '../export.ts';
import type { Networks } from '../networks.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';
import { addressesOf, guestOf, nameOf, readVm, resourcesOf, stateOf, subnetOf, uuidOf } from './vm-reader.ts';
import type { Vms } from './vms.ts';

/** VMs as the control plane knows them: what v3 shows of one, its networks by name and its snapshots. */
export class Machines {
  readonly #vms: Vms;
  readonly #networks: Networks;
  readonly #snapshots: Snapshots;
  readonly #imageName: (uuid: string) => string | undefined;
  /** Definitions of VMs that the last list showed first: whoever hears of a new VM asks for its definition next. */
  readonly #fresh = new Map<NativeId, NativeDefinition>();

  constructor(vms: Vms, networks: Networks, snapshots: Snapshots, imageName: (uuid: string) => string | undefined) {
    this.#vms = vms;
    this.#networks = networks;
    this.#snapshots = snapshots;
    this.#imageName = imageName;
  }

  async list(signal: AbortSignal): Promise<ListedVm[]> {
    const snapshots = await this.#snapshots.all(signal);
    const nameless = new Set<string>();
    this.#fresh.clear();
    const listed = await this.#vms.list<ListedVm>(
      {
        read: (vm, isNew) => {
          try {
            for (const subnet of namelessSubnets(vm)) nameless.add(subnet);
            if (isNew) this.#fresh.set(uuidOf(vm), definitionOf(vm));
            return this.#read(vm, snapshots.get(uuidOf(vm)) ?? []);
          } catch (error) {
            return unreadable(uuidOf(vm), error, nameOf(vm));
          }
        },
        lost: unreadable,
      },
      signal,
    );
    await this.#networks.know(nameless, signal);
    for (const { nics } of listed.filter(isReadable))
      for (const nic of nics)
        if (nic.network !== undefined) nic.network = this.#networks.nameOf(nic.network) ?? nic.network;
    return listed;
  }

  async get(nativeId: NativeId, signal: AbortSignal): Promise<DriverVm> {
    this.#fresh.delete(nativeId);
    const vm = await this.#vms.demand(nativeId, signal);
    const snapshots = await this.#snapshots.of(uuidOf(vm), signal);
    await this.#networks.know(namelessSubnets(vm), signal);
    try {
      return this.#read(vm, snapshots);
    } catch (error) {
      throw new ProblemError('host-rejected', unreadable(nativeId, error, nameOf(vm)).unreadable, { cause: error });
    }
  }

  async definition(nativeId: NativeId, signal: AbortSignal): Promise<NativeDefinition> {
    const fresh = this.#fresh.get(nativeId);
    this.#fresh.delete(nativeId);
    return fresh ?? definitionOf(await this.#vms.demand(nativeId, signal));
  }

  async guest(nativeId: NativeId, signal: AbortSignal): Promise<Guest & { addresses: string[] }> {
    const vm = await this.#vms.demand(nativeId, signal);
    const resources = resourcesOf(vm);
    const told = guestOf(resources);
    const isOn = stateOf(vm) === 'running';
    return {
      ...told,
      agent: isOn && told?.agent === true,
      addresses: isOn ? objectsAt(resources, 'nic_list').flatMap(addressesOf) : [],
    };
  }

  #read(vm: JsonObject, snapshots: Snapshot[]): DriverVm {
    return readVm(vm, this.#networks.nameOf, snapshots, this.#imageName);
  }
}

function unreadable(nativeId: NativeId, error: unknown, name = ''): UnreadableVm {
  const why = foreignText(error instanceof Error ? error.message : String(error)).replace(/[.]$/, '');
  return {
    nativeId,
    ...(name === '' ? {} : { name }),
    unreadable: `This VM cannot be read: ${why}. Look at it in Prism Central; its tasks and alerts say more.`,
  };
}

/** Subnets that the VM names by their UUID only. */
const namelessSubnets = (vm: JsonObject): string[] =>
  objectsAt(resourcesOf(vm), 'nic_list')
    .filter((nic) => textAt(objectAt(nic, 'subnet_reference'), 'name') === undefined)
    .flatMap((nic) => subnetOf(nic) ?? []);
