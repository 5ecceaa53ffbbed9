import type { DriverVm, Guest, NativeId, Snapshot } from '@polyvirt/contracts';
import { objectsAt, textAt, objectAt, type JsonObject } from '../client/json.ts';
import type { Networks } from '../networks.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';
import { addressesOf, guestOf, readVm, resourcesOf, stateOf, subnetOf, uuidOf } from './vm-reader.ts';
import type { Vms } from './vms.ts';

/** VMs as the control plane knows them: what v3 shows of one, its networks by name and its snapshots. */
export class Machines {
  readonly #vms: Vms;
  readonly #networks: Networks;
  readonly #snapshots: Snapshots;

  constructor(vms: Vms, networks: Networks, snapshots: Snapshots) {
    this.#vms = vms;
    this.#networks = networks;
    this.#snapshots = snapshots;
  }

  async list(signal: AbortSignal): Promise<DriverVm[]> {
    const [vms, snapshots] = await Promise.all([this.#vms.list(signal), this.#snapshots.all(signal)]);
    await this.#networks.know(vms.flatMap(namelessSubnets), signal);
    return vms.map((vm) => this.#read(vm, snapshots.get(uuidOf(vm)) ?? []));
  }

  async get(nativeId: NativeId, signal: AbortSignal): Promise<DriverVm> {
    const vm = await this.#vms.demand(nativeId, signal);
    const snapshots = await this.#snapshots.of(uuidOf(vm), signal);
    await this.#networks.know(namelessSubnets(vm), signal);
    return this.#read(vm, snapshots);
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
    return readVm(vm, this.#networks.nameOf, snapshots);
  }
}

/** Subnets that the VM names by their UUID only. */
const namelessSubnets = (vm: JsonObject): string[] =>
  objectsAt(resourcesOf(vm), 'nic_list')
    .filter((nic) => textAt(objectAt(nic, 'subnet_reference'), 'name') === undefined)
    .flatMap((nic) => subnetOf(nic) ?? []);
