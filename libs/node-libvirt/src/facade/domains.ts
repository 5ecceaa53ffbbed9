import type { Libvirt } from '../libvirt.ts';
import { domainListFlags, flagsOf, startFlags, type FlagOptions } from '../protocol/flags.ts';
import type { Struct } from '../protocol/schema.ts';
import { isUuid } from '../protocol/uuid.ts';
import { Domain } from './domain.ts';
import { orNull } from './lookup.ts';

/** Domains of the daemon: finding and making them. */
export class Domains {
  private readonly libvirt: Libvirt;

  constructor(libvirt: Libvirt) {
    this.libvirt = libvirt;
  }

  /** All domains, or those that fit: `list({ active: true })`. */
  async list(options: FlagOptions<typeof domainListFlags> = {}): Promise<Domain[]> {
    const reply = await this.libvirt.call.connectListAllDomains({ flags: flagsOf(domainListFlags, options) });
    return reply.domains.map((dom) => this.wrap(dom));
  }

  /** Asks the daemon for a domain by UUID. Rejects with a not-found error. */
  async get(uuid: string): Promise<Domain> {
    return this.wrap((await this.libvirt.call.domainLookupByUuid({ uuid })).dom);
  }

  /** Asks the daemon for a domain by name. Rejects with a not-found error. */
  async getByName(name: string): Promise<Domain> {
    return this.wrap((await this.libvirt.call.domainLookupByName({ name })).dom);
  }

  async getById(id: number): Promise<Domain> {
    return this.wrap((await this.libvirt.call.domainLookupById({ id })).dom);
  }

  /** By UUID, else by name; null when there is no such domain. */
  async find(uuidOrName: string): Promise<Domain | null> {
    if (isUuid(uuidOrName)) {
      const domain = await orNull(this.get(uuidOrName));
      if (domain !== null) return domain;
    }
    return orNull(this.getByName(uuidOrName));
  }

  /** A domain of which only the UUID is known, without asking the daemon: enough for every call. */
  reference(uuid: string): Domain {
    return this.wrap({ uuid, name: '', id: -1 });
  }

  /** Defines a persistent domain or replaces its definition (same UUID and name). A taken name is code 9. */
  async define(xml: string, options: { validate?: boolean } = {}): Promise<Domain> {
    const flags = options.validate ? 1 : 0;
    return this.wrap((await this.libvirt.call.domainDefineXmlFlags({ xml, flags })).dom);
  }

  /** Starts a domain that vanishes when it stops. */
  async createTransient(xml: string, options: FlagOptions<typeof startFlags> = {}): Promise<Domain> {
    const reply = await this.libvirt.call.domainCreateXml({ xmlDesc: xml, flags: flagsOf(startFlags, options) });
    return this.wrap(reply.dom);
  }

  wrap(dom: Struct<'domain'>): Domain {
    return new Domain(this.libvirt, dom);
  }
}
