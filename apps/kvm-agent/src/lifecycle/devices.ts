import type { BootDevice } from '@polyvirt/contracts';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { readBootWords, withBootOrder, withBootWords, type BootWords } from '../domain/boot-order.ts';
import { changedNics, diskElement, driveXml, withMedium, type NicEdit } from '../domain/device-xml.ts';
import type { DomainDefinition } from '../domain/domain-reader.ts';
import { driveOf, type Machines } from '../domain/machines.ts';
import type { PowerOffWork } from '../power-off-work.ts';
import { attempt, done, type Change } from './change.ts';
import type { Unplugging } from './unplugging.ts';

/** What a machine has before its CD-ROM drive is changed, for the way back. */
export type DriveBefore = { device: string; path: string | null; isNew: boolean };

/** Disks, CD-ROM drive, boot order and cables of a machine: in the definition, and live where QEMU and the guest can. */
export class Devices {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #powerOffWork: PowerOffWork;
  readonly #unplugging: Unplugging;

  constructor(parts: { libvirt: Libvirt; machines: Machines; powerOffWork: PowerOffWork; unplugging: Unplugging }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#powerOffWork = parts.powerOffWork;
    this.#unplugging = parts.unplugging;
  }

  /** Looks first whether it is there already. */
  async attachDisk(domain: Domain, device: string, xml: string, waits: string | null): Promise<Change> {
    const isIn = ({ disks }: DomainDefinition) => disks.some((disk) => disk.device === device);
    if (!isIn(await this.#machines.definition(domain))) await domain.attachDevice(xml, { config: true });
    if (waits !== null || !(await domain.isActive()) || isIn(await this.#machines.liveDefinition(domain)))
      return { changed: true, note: waits };
    return {
      changed: true,
      note: await attempt(`The disk ${device} comes with the next start`, domain.attachDevice(xml, { live: true })),
    };
  }

  /** `doomed` are files that go with it, which may be at the power-off. */
  async detachDisk(
    domain: Domain,
    device: string,
    { waits, doomed, signal }: { waits: string | null; doomed: readonly string[]; signal: AbortSignal },
  ): Promise<Change> {
    const isIn = ({ disks }: DomainDefinition) => disks.some((disk) => disk.device === device);
    const xml = diskElement(await domain.xml({ inactive: true }), device)?.toString();
    const isActive = await domain.isActive();
    const isLive = isActive && isIn(await this.#machines.liveDefinition(domain));
    if (xml === undefined && !isLive) return done(false);
    if (isLive && doomed.length > 0) await this.#powerOffWork.noteDoomed(domain, doomed, true);
    if (xml !== undefined) await domain.detachDevice(xml, { config: true });
    const note =
      isLive && (await this.#machines.isOn(domain))
        ? await this.#unplugging.unplug(domain, {
            what: `The disk ${device}`,
            xml: diskElement(await domain.xml(), device)?.toString(),
            isThere: isIn,
            waits,
            signal,
          })
        : waits;
    const isGone = !isActive || !isIn(await this.#machines.liveDefinition(domain));
    if (isGone && isLive && doomed.length > 0) await this.#powerOffWork.noteDoomed(domain, doomed, false);
    return { changed: xml !== undefined || isGone, note: isGone ? null : note };
  }

  /** Puts a disk back that was taken away. */
  async restoreDisk(domain: Domain, device: string, xml: string, doomed: readonly string[]): Promise<void> {
    await this.attachDisk(domain, device, xml, null);
    if (doomed.length > 0) await this.#powerOffWork.noteDoomed(domain, doomed, false);
  }

  /** Whether QEMU still has it. */
  async hasDisk(domain: Domain, device: string): Promise<boolean> {
    return (await this.#machines.liveDefinition(domain)).disks.some((disk) => disk.device === device);
  }

  /** The drive that a medium goes into; one that is to be made where there is none. */
  async driveBefore(domain: Domain): Promise<DriveBefore> {
    const [next, live] = [await this.#machines.definition(domain), await this.#machines.liveDefinition(domain)];
    const drive = driveOf(domain.uuid, live) ?? driveOf(domain.uuid, next);
    if (drive) return { device: drive.device, path: drive.path ?? null, isNew: false };
    const taken = new Set([...next.disks, ...live.disks].map(({ device }) => device));
    const device = [...'abcdefghijklmnopqrstuvwxyz'].map((letter) => `sd${letter}`).find((one) => !taken.has(one))!;
    return { device, path: null, isNew: true };
  }

  /** Inserts what is at the path, or ejects. A drive that is not there comes with the next start. */
  async setMedium(domain: Domain, device: string, path: string | null, waits: string | null): Promise<Change> {
    const mediumIn = ({ disks }: DomainDefinition) => disks.find((disk) => disk.device === device);
    const next = mediumIn(await this.#machines.definition(domain));
    let changed = false;
    if (!next) {
      await domain.attachDevice(driveXml({ device, path }), { config: true });
      changed = true;
    } else if ((next.path ?? null) !== path) {
      await this.#update(domain, device, path, false);
      changed = true;
    }
    if (!(await domain.isActive())) return { changed, note: null };
    const live = mediumIn(await this.#machines.liveDefinition(domain));
    if (!live || waits !== null) return { changed, note: waits };
    if ((live.path ?? null) === path) return done(changed);
    await this.#update(domain, device, path, true);
    return done(true);
  }

  /** Takes a drive out again that was made for a medium. */
  async removeDrive(domain: Domain, device: string): Promise<void> {
    const xml = diskElement(await domain.xml({ inactive: true }), device)?.toString();
    if (xml !== undefined) await domain.detachDevice(xml, { config: true });
  }

  /** A tray that the guest has locked is opened all the same: whoever asks for it means it. */
  async #update(domain: Domain, device: string, path: string | null, live: boolean): Promise<void> {
    const drive = diskElement(await domain.xml(live ? {} : { inactive: true }), device);
    if (!drive) return;
    const xml = withMedium(drive, path);
    if (live) await domain.updateDevice(xml, { live: true, force: true });
    else await domain.updateDevice(xml, { config: true });
  }

  async bootWords(domain: Domain): Promise<BootWords> {
    return readBootWords(await domain.xml({ inactive: true }));
  }

  /** For the next start; a machine that is on keeps its own until then. */
  async setBootOrder(domain: Domain, order: readonly BootDevice[], waits: string | null): Promise<Change> {
    const { bootOrder } = await this.#machines.definition(domain);
    if (JSON.stringify(bootOrder) === JSON.stringify(order)) return done(false);
    const xml = await domain.xml({ inactive: true, secure: true });
    await this.#libvirt.domains.define(withBootOrder(xml, order));
    return { changed: true, note: waits };
  }

  async restoreBootWords(domain: Domain, words: BootWords): Promise<void> {
    const xml = await domain.xml({ inactive: true, secure: true });
    await this.#libvirt.domains.define(withBootWords(xml, words));
  }

  /** Network and cable of an interface, in its place. */
  async changeNic(domain: Domain, mac: string, edit: NicEdit): Promise<Change> {
    const { network, connected } = edit;
    const find = ({ nics }: DomainDefinition) => nics.find((nic) => nic.mac === mac);
    const differs = (nic: DomainDefinition['nics'][number] | undefined): boolean =>
      nic !== undefined &&
      ((network !== undefined && nic.network !== network) || (connected !== undefined && nic.connected !== connected));
    let changed = false;
    if (differs(find(await this.#machines.definition(domain)))) {
      for (const xml of changedNics(await domain.xml({ inactive: true }), mac, edit))
        await domain.updateDevice(xml, { config: true });
      changed = true;
    }
    if (!(await domain.isActive()) || !differs(find(await this.#machines.liveDefinition(domain)))) return done(changed);
    const [xml] = changedNics(await domain.xml(), mac, edit);
    const note = await attempt(
      `The interface ${mac} is as asked from the next start on`,
      domain.updateDevice(xml!, { live: true }),
    );
    return { changed: true, note };
  }
}
