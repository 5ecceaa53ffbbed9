import {
  ProblemError,
  requireFits,
  requireNicChanges,
  requireNics,
  type NicInput,
  type NativeId,
} from '@polyvirt/contracts';
import { objectsAt } from '../client/json.ts';
import type { Clusters } from '../clusters.ts';
import type { Hosts } from '../hosts.ts';
import type { Networks, Subnet } from '../networks.ts';
import { addressesOf, macOf, nameOf, resourcesOf, subnetOf, uuidOf } from '../vm/vm-reader.ts';
import { isUuid } from '../vm/uuid.ts';
import type { NicPlan } from '../vm/vm-spec.ts';
import type { Vms } from '../vm/vms.ts';

export interface NicWish {
  readonly nics: readonly NicInput[];
  /** Where the list stands in the body. */
  readonly at: '/nics' | '/addNics' | '/changeNics';
  /** UUID of the cluster that the VM is on; without it the networks decide. */
  readonly cluster?: string | undefined;
  /** The VM that they are for. */
  readonly own: NativeId;
  /** MAC addresses of that VM that go, or that are changed. */
  readonly leaving?: readonly string[];
}

export interface Placed {
  readonly nics: readonly NicPlan[];
  /** UUID of the cluster; undefined when neither the VM nor a network says it. */
  readonly cluster: string | undefined;
}

/** Whether what is asked for has its place: networks on one cluster, addresses that are free, sizes that a host can run. */
export class Placement {
  readonly #networks: Networks;
  readonly #clusters: Clusters;
  readonly #hosts: Hosts;
  readonly #vms: Vms;

  constructor(parts: { networks: Networks; clusters: Clusters; hosts: Hosts; vms: Vms }) {
    this.#networks = parts.networks;
    this.#clusters = parts.clusters;
    this.#hosts = parts.hosts;
    this.#vms = parts.vms;
  }

  /** @throws ProblemError `network-not-found`; `invalid-input` with a pointer for each interface that cannot be had */
  async nics(wish: NicWish, signal: AbortSignal): Promise<Placed> {
    const { nics, at } = wish;
    if (nics.length === 0) return { nics: [], cluster: wish.cluster };
    const subnets = await this.#networks.all(signal);
    const candidates = nics.map(({ network }, index) => {
      const found = subnets.filter(
        (subnet) => subnet.network.name === network || (isUuid(network) && subnet.uuid === network.toLowerCase()),
      );
      if (found.length === 0)
        throw new ProblemError('network-not-found', `There is no network "${network}" on this Prism Central.`, {
          errors: [{ pointer: `${at}/${index}/network`, detail: 'There is no such network.' }],
        });
      return found;
    });
    const cluster = wish.cluster ?? (await this.#clusterFor(candidates, wish, signal));
    const chosen: Subnet[] = [];
    for (const [index, found] of candidates.entries())
      chosen.push(await this.#onCluster(found, cluster, `${at}/${index}/network`, subnets, signal));
    for (const [index, { network, address }] of nics.entries())
      if (address !== 'auto' && !chosen[index]!.network.fixedAddresses)
        throw new ProblemError(
          'invalid-input',
          `The network "${network}" has no IP management, so it reserves no address. Leave the address to the guest.`,
          { errors: [{ pointer: `${at}/${index}/address`, detail: 'Not on this network.' }] },
        );
    await this.#demandFree(wish, chosen, signal);
    return {
      nics: nics.map(({ mac, address }, index) => ({
        subnet: chosen[index]!.uuid,
        ...(mac === undefined ? {} : { mac }),
        ...(address === 'auto' ? {} : { address }),
      })),
      cluster: cluster ?? chosen.find((subnet) => subnet.cluster !== undefined)?.cluster,
    };
  }

  /** @throws ProblemError `insufficient-capacity` for a VM that no host of the cluster can run */
  async demandRoom(
    size: { cpus?: number | undefined; memoryMiB?: number | undefined },
    cluster: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (size.cpus === undefined && size.memoryMiB === undefined) return;
    requireFits(size, { limits: await this.#hosts.limits(signal, cluster), capacity: {} });
  }

  /** The cluster on which all networks are: that of new VMs where it is one of several. */
  async #clusterFor(
    candidates: readonly Subnet[][],
    { nics, at }: NicWish,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    // An overlay is on all.
    const bound = candidates.filter((found) => found.every(({ cluster }) => cluster !== undefined));
    const [first = [], ...others] = bound.map((found) => new Set(found.map(({ cluster }) => cluster!)));
    const common = [...first].filter((cluster) => others.every((clusters) => clusters.has(cluster)));
    const preferred = await this.#clusters.preferred(signal);
    if (bound.length === 0 || (preferred !== undefined && common.includes(preferred))) return preferred;
    if (common.length > 0) return common.length === 1 ? common[0] : undefined;
    const names = await this.#clusters.names(signal);
    const places = nics.map(({ network }, index) => {
      const on = candidates[index]!.map(({ cluster }) => `"${names.get(cluster ?? '') ?? cluster}"`);
      return `"${network}" is on ${on.join(' and ')}`;
    });
    throw new ProblemError(
      'invalid-input',
      `The networks are on different clusters, and a VM is on one: ${[...new Set(places)].join(', ')}.`,
      { errors: [{ pointer: at, detail: 'On different clusters.' }] },
    );
  }

  async #onCluster(
    found: readonly Subnet[],
    cluster: string | undefined,
    pointer: string,
    all: readonly Subnet[],
    signal: AbortSignal,
  ): Promise<Subnet> {
    const near = found.filter(
      (subnet) => cluster === undefined || subnet.cluster === undefined || subnet.cluster === cluster,
    );
    const [subnet, ...others] = near;
    if (subnet && others.length === 0) return subnet;
    const names = await this.#clusters.names(signal);
    const nameOfCluster = (uuid: string | undefined) => names.get(uuid ?? '') ?? 'another';
    const { name } = found[0]!.network;
    if (others.length > 0)
      throw new ProblemError(
        'invalid-input',
        `Several networks are called "${name}". Name one by its UUID: ${near
          .map(({ uuid, cluster: on }) => (on === undefined ? uuid : `${uuid} (${nameOfCluster(on)})`))
          .join(', ')}.`,
        { errors: [{ pointer, detail: 'Several have this name.' }] },
      );
    const there = all
      .filter((one) => one.cluster === cluster || one.cluster === undefined)
      .map((one) => `"${one.network.name}"`);
    throw new ProblemError(
      'invalid-input',
      `The network "${name}" is on the cluster "${nameOfCluster(found[0]!.cluster)}", and the VM is on "${nameOfCluster(cluster)}".` +
        (there.length > 0 ? ` Networks of its cluster are ${[...new Set(there)].sort().join(', ')}.` : ''),
      { errors: [{ pointer, detail: 'On another cluster than the VM.' }] },
    );
  }

  /** By the rules that all hosts share, against what the VMs of this Prism Central have now. */
  async #demandFree(
    { nics, at, own, leaving = [] }: NicWish,
    subnets: readonly Subnet[],
    signal: AbortSignal,
  ): Promise<void> {
    if (nics.every(({ mac, address }) => mac === undefined && address === 'auto')) return;
    // A network may be asked for by its UUID, and is called so then.
    const networks = nics.map(({ network: name }, index) => ({ ...subnets[index]!.network, name }));
    const namesOf = Map.groupBy(nics.keys(), (index) => subnets[index]!.uuid);
    const others = await this.#vms.all((vm) => {
      const isOwn = uuidOf(vm) === own;
      const held = objectsAt(resourcesOf(vm), 'nic_list').filter(
        (nic) => !isOwn || (at !== '/nics' && !leaving.includes(macOf(nic))),
      );
      return {
        name: nameOf(vm),
        nics: held.flatMap((nic) => {
          const asked = namesOf.get(subnetOf(nic) ?? '') ?? [];
          const names = [...new Set(asked.map((index) => nics[index]!.network))];
          return (names.length > 0 ? names : ['']).map((network) => ({
            mac: macOf(nic),
            network,
            addresses: addressesOf(nic),
          }));
        }),
      };
    }, signal);
    if (at !== '/changeNics') return requireNics(nics, at, { networks, others });
    // The MAC address of an interface that is changed is the one that it has.
    const changes = nics.map((nic) => ({ ...nic, mac: nic.mac ?? '' }));
    requireNicChanges(changes, changes, { networks, others });
  }
}
