import type { HardwareChange } from '@polyvirt/contracts';
import type { Domain } from '@polyvirt/node-libvirt';
import type { BootWords } from '../domain/boot-order.ts';
import { readDomain, type DomainNic } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import type { Networks } from '../networks.ts';
import type { Devices, DriveBefore } from './devices.ts';
import { interfaceXml } from './nic-xml.ts';

/** What a machine had before, for the way back; written into the journal before anything is changed. */
export type Before = {
  wasOn: boolean;
  name: string;
  pendingName: string | null;
  cpus: number;
  maximumCpus: number;
  memoryMiB: number;
  maximumMemoryMiB: number;
  /** The interfaces that are removed, and the addresses that are kept for them; without a definition where one is to go already. */
  removed: { mac: string; network: string; xml: string | null; address: string | null }[];
  /** Those that are changed. */
  changed: { mac: string; network: string; connected: boolean; address: string | null }[];
  drive: DriveBefore | null;
  boot: BootWords | null;
  template: boolean;
  autostart: boolean;
};

/** Reads what of a machine a change may have to bring back. */
export class FormerHardware {
  readonly #machines: Machines;
  readonly #networks: Networks;
  readonly #devices: Devices;

  constructor(machines: Machines, networks: Networks, devices: Devices) {
    this.#machines = machines;
    this.#networks = networks;
    this.#devices = devices;
  }

  async read(domain: Domain, input: HardwareChange): Promise<Before> {
    const { removeNics = [], changeNics = [], cdrom, bootOrder } = input;
    const xml = await domain.xml({ inactive: true });
    const { name, cpus, maximumCpus, memoryMiB, maximumMemoryMiB, nics, template } = readDomain(xml);
    const live = await this.#machines.liveDefinition(domain);
    const { pendingName } = live;
    const find = (mac: string): DomainNic => [...nics, ...live.nics].find((one) => one.mac === mac)!;
    const addressOf = async (nic: DomainNic) => (await this.#networks.reservationOf(nic)) ?? null;
    const removed = await Promise.all(
      removeNics.map(async (mac) => ({
        mac,
        network: find(mac).network,
        xml: interfaceXml(xml, mac)[0] ?? null,
        address: await addressOf(find(mac)),
      })),
    );
    const changed = await Promise.all(
      changeNics.map(async ({ mac }) => {
        const { network, connected } = find(mac);
        return { mac, network, connected, address: await addressOf(find(mac)) };
      }),
    );
    return {
      wasOn: await this.#machines.isOn(domain),
      name,
      pendingName: pendingName ?? null,
      cpus,
      maximumCpus,
      memoryMiB,
      maximumMemoryMiB,
      removed,
      changed,
      drive: cdrom === undefined ? null : await this.#devices.driveBefore(domain),
      boot: bootOrder === undefined ? null : await this.#devices.bootWords(domain),
      template,
      autostart: await domain.autostart(),
    };
  }
}

/** What the record of a VM does not show: the addresses that its network keeps for it. */
export function addressChanges(
  { changeNics = [] }: HardwareChange,
  nics: readonly { readonly mac?: string | undefined }[],
  before: Before['changed'],
) {
  return changeNics.flatMap(({ mac, network, address }, index) => {
    const was = before[index]!;
    const wanted = address ?? (network === undefined || network === was.network ? (was.address ?? 'auto') : 'auto');
    if (wanted === (was.address ?? 'auto')) return [];
    const pointer = `/nics/${nics.findIndex((nic) => nic.mac === mac)}/addresses`;
    return [{ pointer, to: wanted === 'auto' ? [] : [wanted], when: 'now' as const }];
  });
}
