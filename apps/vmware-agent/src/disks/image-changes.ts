import { rm } from 'node:fs/promises';
import { ProblemError, type DeleteImage, type Forecast } from '@polyvirt/contracts';
import {
  ImageFolder,
  isReadable,
  type Effect,
  type ImageFormat,
  type NewImage,
  type OperationContext,
  type Outcome,
} from '@polyvirt/hypervisor';
import { orUnreadable } from '../inventory/unreadable.ts';
import type { Machines } from '../inventory/machines.ts';
import type { DiskTool } from './disk-tool.ts';
import { DiskUsers, unseenWords } from './disk-users.ts';
import type { ImageFile, ImageLibrary } from './image-library.ts';
import { isOfOneFile, nameOwnExtent, readVmdk } from './vmdk.ts';

const deleteIt = { name: 'delete the image' } as const;

/** Images that come and go by our hand. */
export class ImageChanges {
  readonly #library: ImageLibrary;
  readonly #folder: ImageFolder;
  readonly #machines: Machines;
  readonly #disks: DiskTool;

  constructor(parts: { library: ImageLibrary; folder: string; machines: Machines; disks: DiskTool }) {
    const { library, folder } = parts;
    this.#library = library;
    this.#machines = parts.machines;
    this.#disks = parts.disks;
    this.#folder = new ImageFolder({
      folder,
      names: async () => (await library.files()).map(({ name }) => name),
      accept: (...file) => this.#accept(...file),
    });
  }

  create(image: NewImage, context: OperationContext): Promise<Outcome> {
    return this.#folder.create(image, context);
  }

  plan(name: string): Promise<Forecast> {
    return this.#folder.plan(name);
  }

  async delete(image: DeleteImage, { journal }: OperationContext): Promise<Effect> {
    const path = await journal.step({ name: 'look for the image', act: () => this.#unused(image) });
    await journal.step({ ...deleteIt, act: () => rm(path, { force: true }) });
    return 'changed';
  }

  /** Throws what a deletion would end with. */
  async planDelete(image: DeleteImage): Promise<Forecast> {
    await this.#unused(image);
    return { steps: [deleteIt] };
  }

  /** What a disk names is opened with it, so one from elsewhere names nothing but itself. */
  async #accept(format: ImageFormat, path: string, fileName: string): Promise<void> {
    const refuse = (detail: string): never => {
      throw new ProblemError('invalid-input', `This host makes no VMs from it. ${detail} Nothing of it was kept.`, {
        errors: [{ pointer: '/url', detail }],
      });
    };
    if (format === 'vmdk') {
      const disk = await orUnreadable(readVmdk(path));
      if (!disk || !isOfOneFile(disk))
        return refuse(
          'It is a VMDK disk that needs another file. Make one file of it: vmware-vdiskmanager -r disk.vmdk -t 0 one.vmdk.',
        );
      await nameOwnExtent(path, fileName);
    } else if (format !== 'iso' && !(await this.#disks.hasQemuImg()))
      refuse(`It is a ${format} disk, and there is no qemu-img on this host to make a VMDK of it. Install qemu-img.`);
  }

  /** The path of an image that no VM needs. Disks that were made of one are copies. */
  async #unused({ image, kind }: DeleteImage): Promise<string> {
    const file = await this.#only(image, kind);
    const inUse = (sentence: string, detail = 'It is in use.') =>
      new ProblemError('image-in-use', `The image "${image}" ${sentence}`, { errors: [{ pointer: 'image', detail }] });
    const listed = await this.#machines.list();
    const drives = listed.filter(isReadable).filter(({ cdrom }) => file.kind === 'iso' && cdrom === image);
    const users = await DiskUsers.read(this.#machines);
    const names = [...drives, ...(await users.of(file.path))].map(({ name }) => `"${name}"`);
    if (names.length > 0)
      throw inUse(`is in use by ${[...new Set(names)].join(', ')}. Eject or detach it there first.`);
    const unread = listed.flatMap((vm) => (isReadable(vm) ? [] : [[vm.name ?? vm.nativeId, vm.unreadable] as const]));
    const doubt = users.doubt ?? (unread.length > 0 ? unseenWords(new Map(unread)) : undefined);
    if (doubt !== undefined) throw inUse(`may be in use: ${doubt}`, 'It may be in use.');
    return file.path;
  }

  async #only(name: string, kind: DeleteImage['kind']): Promise<ImageFile> {
    const files = await this.#library.files();
    const [found, ...others] = files.filter((file) => file.name === name && (kind ?? file.kind) === file.kind);
    const fault = (detail: string) => ({ errors: [{ pointer: 'image', detail }] });
    if (!found) {
      const names = files.map((file) => file.name).join(', ');
      const there = names === '' ? 'It has none.' : `It has: ${names}.`;
      throw new ProblemError(
        'image-not-found',
        `There is no image "${name}" on this host. ${there}`,
        fault('There is no such image.'),
      );
    }
    if (others.length === 0) return found;
    const paths = [found, ...others].map(({ path }) => path).join(', ');
    const isOfOneKind = others.some((file) => file.kind === found.kind);
    throw new ProblemError(
      'name-ambiguous',
      `Several images are called "${name}": ${paths}. ${isOfOneKind ? 'Rename one of the files.' : 'Say which kind you mean, disk or iso.'}`,
      fault('Several have this name.'),
    );
  }
}
