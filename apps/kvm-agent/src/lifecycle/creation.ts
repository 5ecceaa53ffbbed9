import { randomUUID } from 'node:crypto';
import {
  ProblemError,
  requireFits,
  type CreateVm,
  type DiskInput,
  type Firmware,
  type Forecast,
  type NativeId,
  type NicInput,
} from '@polyvirt/contracts';
import type { Made, OperationContext } from '@polyvirt/hypervisor';
import type { Libvirt } from '@polyvirt/node-libvirt';
import type { Accelerator } from '../acceleration.ts';
import { buildDomainXml, diskDevice } from '../domain/domain-xml.ts';
import { isDisk } from '../domain/domain-reader.ts';
import type { DiskSource } from '../domain/disk-source.ts';
import type { Machines } from '../domain/machines.ts';
import { refuseTakenName } from '../domain/names.ts';
import type { HostLimits } from '../host-limits.ts';
import type { Networks } from '../networks.ts';
import type { ImageLibrary } from '../storage/image-library.ts';
import { GIB, unmanaged, type StoragePool } from '../storage/storage-pool.ts';
import { readVolume } from '../storage/volume-facts.ts';
import { diskVolumeName } from './derived-ids.ts';
import {
  powerOnNew,
  powerOnStep,
  reserveAddresses,
  reserveSteps,
  resolvedNics,
  seedStep,
  undefineNew,
  writeSeed,
  type ResolvedNic,
} from './new-machine.ts';

/** What a machine takes over from its template. */
type TemplateFacts = {
  firmware: Firmware | null;
  disks: { device: string; source: DiskSource | null }[];
  networks: string[];
};

const steps = {
  cdrom: { name: 'find the ISO image', native: 'storage_vol_upload' },
  define: { name: 'define the domain', native: 'domain_define_xml_flags' },
} as const;

/** Makes machines. The UUID of a machine is the id of the operation that makes it, so a repeated command finds its own. */
export class Creation {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #storage: StoragePool;
  readonly #images: ImageLibrary;
  readonly #networks: Networks;
  readonly #accelerator: Accelerator;
  readonly #limits: HostLimits;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    storage: StoragePool;
    images: ImageLibrary;
    networks: Networks;
    accelerator: Accelerator;
    limits: HostLimits;
  }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#storage = parts.storage;
    this.#images = parts.images;
    this.#networks = parts.networks;
    this.#accelerator = parts.accelerator;
    this.#limits = parts.limits;
  }

  async create(input: CreateVm, context: OperationContext): Promise<Made> {
    const { operationId: uuid, journal } = context;
    // Looked at in a step: a repeat has to come by what was made, even if the template has been started or has gone since.
    const template = await journal.step({
      name: 'check the request',
      native: 'domain_lookup_by_name',
      act: () => this.#check(input, uuid),
    });
    const nics = nicsOf(input, template, uuid);
    context.progress(5);

    const disks: string[] = [];
    for (const [index, { act, ...step }] of this.#diskMakers(input, template?.disks ?? [], uuid).entries()) {
      const device = diskDevice(index);
      disks.push(
        await journal.step({
          ...step,
          act,
          undo: () => this.#storage.remove(diskVolumeName(uuid, device)),
        }),
      );
      context.progress(10 + (60 * disks.length) / Math.max(1, input.disks.length));
    }
    const cdroms = await this.#cdroms(input, context);
    await reserveAddresses(nics, this.#networks, journal);

    await journal.step({
      ...steps.define,
      act: async () => {
        await this.#libvirt.domains.define(
          buildDomainXml({
            name: input.name,
            uuid,
            cpus: input.cpus,
            memoryMiB: input.memoryMiB,
            acceleration: await this.#accelerator.acceleration(),
            firmware: template?.firmware ?? input.firmware,
            disks,
            cdroms,
            nics,
            createdAt: new Date().toISOString(),
          }),
        );
      },
      undo: () => undefineNew(this.#machines, uuid),
    });
    context.progress(85);
    if (input.start) await powerOnNew(this.#machines, uuid, journal);
    return { nativeId: uuid, effect: 'changed' };
  }

  /** The check of the act, and its steps. */
  async plan(input: CreateVm): Promise<Forecast> {
    const template = await this.#check(input, randomUUID());
    const nics = nicsOf(input, template, '');
    return {
      steps: [
        ...this.#diskMakers(input, template?.disks ?? [], '').map(({ name, native }) => ({ name, native })),
        ...(input.cdrom === null ? [] : [steps.cdrom]),
        ...(input.cloudInit ? [seedStep] : []),
        ...reserveSteps(nics),
        steps.define,
        ...(input.start ? [powerOnStep] : []),
      ],
    };
  }

  /** Throws whatever would make it fail and can be known; answers what the template gives. */
  async #check(input: CreateVm, uuid: NativeId): Promise<TemplateFacts | null> {
    const template = input.template === undefined ? null : await this.#template(input.template);
    requireFits(input, { limits: await this.#limits.read(), capacity: {} });
    await refuseTakenName(this.#libvirt, input.name, uuid);
    for (const [index, { image, sizeGiB }] of input.disks.entries()) {
      if (image === undefined) continue;
      const { bytes } = await this.#images.require(image, 'disk', `/disks/${index}/image`);
      if (sizeGiB !== undefined && sizeGiB * GIB < bytes) throw tooSmall(image, bytes, index);
    }
    if (input.cdrom !== null) await this.#images.require(input.cdrom, 'iso', '/cdrom');
    await this.#networks.check(nicsOf(input, template, uuid), '/nics');
    return template;
  }

  async #template(wanted: string): Promise<TemplateFacts> {
    const domain = await this.#libvirt.domains.find(wanted);
    if (!domain)
      throw new ProblemError('template-not-found', `There is no template "${wanted}" on this host.`, {
        errors: [{ pointer: '/template', detail: 'There is no such template.' }],
      });
    if (await domain.isActive())
      throw new ProblemError(
        'wrong-state',
        `The template "${wanted}" is on. Stop it first: its disks change while it runs.`,
      );
    const { disks, nics, firmware } = await this.#machines.definition(domain);
    for (const { device, source } of disks.filter(isDisk))
      if (!source || !(await this.#storage.volumeOf(source))) throw unmanaged(device, source);
    return {
      firmware: firmware ?? null,
      disks: disks.filter(isDisk).map(({ device, source }) => ({ device, source: source ?? null })),
      networks: nics.map(({ network }) => network),
    };
  }

  #diskMakers(
    input: CreateVm,
    templateDisks: TemplateFacts['disks'],
    uuid: NativeId,
  ): { name: string; native: string; act: () => Promise<string> }[] {
    const nameOf = (index: number) => `make disk ${diskDevice(index)}`;
    return [
      ...templateDisks.map(({ device, source }, index) => ({
        name: nameOf(index),
        native: 'storage_vol_create_xml_from',
        act: async () => {
          const volume = source && (await this.#storage.volumeOf(source));
          if (!volume) throw unmanaged(device, source ?? undefined);
          const name = diskVolumeName(uuid, diskDevice(index));
          return (await this.#storage.copy(name, volume, (await volume.info()).capacityBytes)).path();
        },
      })),
      ...input.disks.map((disk, index) => ({
        name: nameOf(index),
        native:
          disk.image !== undefined && disk.copy === 'full' ? 'storage_vol_create_xml_from' : 'storage_vol_create_xml',
        act: () => this.#makeDisk(diskVolumeName(uuid, diskDevice(index)), disk, index),
      })),
    ];
  }

  async #makeDisk(name: string, { image, sizeGiB, copy }: DiskInput, index: number): Promise<string> {
    if (image === undefined) return (await this.#storage.create(name, (sizeGiB ?? 0) * GIB)).path();
    const base = await this.#images.volumeOf(image, 'disk');
    const facts = await readVolume(base);
    const bytes = sizeGiB === undefined ? facts.bytes : sizeGiB * GIB;
    if (bytes < facts.bytes) throw tooSmall(image, facts.bytes, index);
    return (
      copy === 'full' ? await this.#storage.copy(name, base, bytes) : await this.#storage.create(name, bytes, facts)
    ).path();
  }

  async #cdroms(input: CreateVm, { operationId: uuid, journal }: OperationContext): Promise<string[]> {
    const cdroms: string[] = [];
    const { cdrom, cloudInit } = input;
    if (cdrom !== null) {
      cdroms.push(
        await journal.step({
          ...steps.cdrom,
          act: async () => (await this.#images.volumeOf(cdrom, 'iso')).path(),
        }),
      );
    }
    if (cloudInit) cdroms.push(await writeSeed({ uuid, name: input.name, cloudInit }, this.#storage, journal));
    return cdroms;
  }
}

/** Those of the request, or one on each network of the template; without a MAC address they get that of the machine. */
function nicsOf(input: CreateVm, template: TemplateFacts | null, uuid: NativeId): ResolvedNic[] {
  const inherited = template?.networks.map((network): NicInput => ({ network, address: 'auto' })) ?? [];
  return resolvedNics(input.nics.length > 0 ? input.nics : inherited, uuid);
}

function tooSmall(image: string, bytes: number, index: number): ProblemError {
  const least = Math.ceil(bytes / GIB);
  return new ProblemError('invalid-input', `The image "${image}" needs a disk of at least ${least} GiB.`, {
    errors: [{ pointer: `/disks/${index}/sizeGiB`, detail: `At least ${least}.` }],
  });
}
