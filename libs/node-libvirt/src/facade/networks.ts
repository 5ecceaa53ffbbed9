import type { Libvirt } from '../libvirt.ts';
import { flagsOf, impact, listFlags, type FlagOptions } from '../protocol/flags.ts';
import type { Struct } from '../protocol/schema.ts';
import { isUuid } from '../protocol/uuid.ts';
import { orNull } from './lookup.ts';

export interface DhcpLease {
  interface: string;
  /** Seconds since 1970. */
  expiresAt: number;
  family: 'ipv4' | 'ipv6';
  mac: string | null;
  address: string;
  prefix: number;
  hostname: string | null;
  clientId: string | null;
}

/** Virtual networks of the daemon. */
export class Networks {
  private readonly libvirt: Libvirt;

  constructor(libvirt: Libvirt) {
    this.libvirt = libvirt;
  }

  async list(options: FlagOptions<typeof listFlags> = {}): Promise<Network[]> {
    const { nets } = await this.libvirt.call.connectListAllNetworks({ flags: flagsOf(listFlags, options) });
    return nets.map((net) => new Network(this.libvirt, net));
  }

  /** Rejects with a not-found error. */
  async get(uuid: string): Promise<Network> {
    return new Network(this.libvirt, (await this.libvirt.call.networkLookupByUuid({ uuid })).net);
  }

  async getByName(name: string): Promise<Network> {
    return new Network(this.libvirt, (await this.libvirt.call.networkLookupByName({ name })).net);
  }

  /** By UUID, else by name; null when there is no such network. */
  async find(uuidOrName: string): Promise<Network | null> {
    const byUuid = isUuid(uuidOrName) ? await orNull(this.get(uuidOrName)) : null;
    return byUuid ?? orNull(this.getByName(uuidOrName));
  }

  async define(xml: string): Promise<Network> {
    return new Network(this.libvirt, (await this.libvirt.call.networkDefineXml({ xml })).net);
  }

  /** Starts a network that vanishes when it stops. */
  async createTransient(xml: string): Promise<Network> {
    return new Network(this.libvirt, (await this.libvirt.call.networkCreateXml({ xml })).net);
  }
}

/** A virtual network, found by its UUID only. */
export class Network implements Struct<'network'> {
  readonly uuid: string;
  readonly name: string;
  // Truly private: an object that is logged or serialized shows the network, not the connection.
  readonly #libvirt: Libvirt;

  constructor(libvirt: Libvirt, net: Struct<'network'>) {
    this.#libvirt = libvirt;
    this.uuid = net.uuid;
    this.name = net.name;
  }

  async xml(options: { inactive?: boolean } = {}): Promise<string> {
    return (await this.#libvirt.call.networkGetXmlDesc({ net: this, flags: options.inactive ? 1 : 0 })).xml;
  }

  start(): Promise<void> {
    return this.#libvirt.call.networkCreate({ net: this });
  }

  /** Stops it. Domains on it lose their link. */
  destroy(): Promise<void> {
    return this.#libvirt.call.networkDestroy({ net: this });
  }

  undefine(): Promise<void> {
    return this.#libvirt.call.networkUndefine({ net: this });
  }

  async isActive(): Promise<boolean> {
    return (await this.#libvirt.call.networkIsActive({ net: this })).active;
  }

  async isPersistent(): Promise<boolean> {
    return (await this.#libvirt.call.networkIsPersistent({ net: this })).persistent;
  }

  async autostart(): Promise<boolean> {
    return (await this.#libvirt.call.networkGetAutostart({ net: this })).autostart;
  }

  setAutostart(autostart: boolean): Promise<void> {
    return this.#libvirt.call.networkSetAutostart({ net: this, autostart });
  }

  /** Rejects where the network has no bridge of its own. */
  async bridgeName(): Promise<string> {
    return (await this.#libvirt.call.networkGetBridgeName({ net: this })).name;
  }

  /** Leases of libvirt's DHCP server; with `mac` (lower case) only those of one interface. */
  async dhcpLeases(mac?: string): Promise<DhcpLease[]> {
    const { leases } = await this.#libvirt.call.networkGetDhcpLeases({ net: this, mac: mac ?? null });
    return leases.map((lease) => ({
      interface: lease.iface,
      expiresAt: Number(lease.expirytime),
      family: lease.type === 0 ? 'ipv4' : 'ipv6',
      mac: lease.mac,
      address: lease.ipaddr,
      prefix: lease.prefix,
      hostname: lease.hostname,
      clientId: lease.clientid,
    }));
  }

  /**
   * Changes one part of the definition in place.
   *
   * @param command one of `NetworkUpdateCommand`
   * @param section one of `NetworkUpdateSection`
   */
  async update(
    command: number,
    section: number,
    xml: string,
    options: FlagOptions<typeof impact> & { parentIndex?: number } = {},
  ): Promise<void> {
    // Daemons without this feature read the two the other way round.
    const ordered = await this.#libvirt.host.supportsFeature(FEATURE_NETWORK_UPDATE_ORDER);
    await this.#libvirt.call.networkUpdate({
      net: this,
      command: ordered ? command : section,
      section: ordered ? section : command,
      parentIndex: options.parentIndex ?? -1,
      xml,
      flags: flagsOf(impact, options),
    });
  }
}

const FEATURE_NETWORK_UPDATE_ORDER = 16;
