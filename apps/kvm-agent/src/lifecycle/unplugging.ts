import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import type { DomainDefinition } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import type { StateWaiter } from '../state-waiter.ts';
import { EditableXml } from '../xml-edit.ts';
import { attempt } from './change.ts';

/** How long a guest may take to let go of a device, beyond the 5 s that libvirt itself waits. */
const DEVICE_PATIENCE_MS = 3_000;
/** virDomainModificationImpact. */
const LIVE = 1;

interface Leaving {
  /** For a sentence. */
  readonly what: string;
  /** As the running machine has it; undefined when it is gone. */
  readonly xml: string | undefined;
  isThere(definition: DomainDefinition): boolean;
  /** Why it is not waited for. */
  readonly waits: string | null;
  readonly signal: AbortSignal;
}

/** Takes devices out of running machines, which is a request to their guests. */
export class Unplugging {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #waiter: StateWaiter;

  constructor(parts: { libvirt: Libvirt; machines: Machines; waiter: StateWaiter }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#waiter = parts.waiter;
  }

  /** A guest that gives no sign of life is asked, and not waited for. Answers why the device is still there. */
  async unplug(domain: Domain, { what, xml, isThere, waits, signal }: Leaving): Promise<string | null> {
    if (xml === undefined) return null;
    if (waits !== null) {
      const alias = aliasIn(xml);
      // What it refuses now comes with the power-off.
      if (alias !== undefined)
        await attempt(waits, this.#libvirt.call.domainDetachDeviceAlias({ dom: domain, alias, flags: LIVE }));
      return waits;
    }
    const stays = `${what} stays until the next power-off`;
    const refusal = await attempt(stays, domain.detachDevice(xml, { live: true }));
    const gone = async () => !isThere(await this.#machines.liveDefinition(domain));
    const isGone = await this.#waiter.until(
      domain,
      gone,
      AbortSignal.any([signal, AbortSignal.timeout(refusal === null ? DEVICE_PATIENCE_MS : 0)]),
    );
    return isGone ? null : (refusal ?? `${stays}: the guest does not let go of it.`);
  }
}

const aliasIn = (xml: string): string | undefined => new EditableXml(xml).root.child('alias')?.attribute('name');
