import { rm } from 'node:fs/promises';
import { ProblemError, type DeleteImage, type Forecast } from '@polyvirt/contracts';
import { ImageFolder, type Effect, type NewImage, type OperationContext, type Outcome } from '@polyvirt/hypervisor';
import type { Libvirt } from '@polyvirt/node-libvirt';
import { reasonToKeep } from './delete-unused.ts';
import { DiskUsers } from './disk-users.ts';
import type { HostVolumes } from './host-volumes.ts';
import { markerOf, volumeNameOf, type ImageLibrary } from './image-library.ts';
import type { StoragePool } from './storage-pool.ts';

const deleteIt = { name: 'delete the image', native: 'storage_vol_delete' } as const;

/** A file of the folder of images, with the volume that it became when it was first used. */
type Doomed = { path: string; volume: string };

/** Images that come and go by our hand. */
export class ImageChanges {
  readonly #library: ImageLibrary;
  readonly #folder: ImageFolder;
  readonly #libvirt: Libvirt;
  readonly #storage: StoragePool;
  readonly #volumes: HostVolumes;

  constructor(parts: {
    library: ImageLibrary;
    folder: string;
    libvirt: Libvirt;
    storage: StoragePool;
    volumes: HostVolumes;
  }) {
    const { library, folder } = parts;
    this.#library = library;
    this.#libvirt = parts.libvirt;
    this.#storage = parts.storage;
    this.#volumes = parts.volumes;
    this.#folder = new ImageFolder({
      folder,
      names: async () => (await library.files()).map(({ name }) => name),
      accept: async (format) => {
        if (format !== 'vmdk') return;
        const detail = 'It is a VMDK disk. Convert it first: qemu-img convert -O qcow2.';
        throw new ProblemError('invalid-input', `This host makes no VMs from it. ${detail} Nothing of it was kept.`, {
          errors: [{ pointer: '/url', detail }],
        });
      },
    });
  }

  create(image: NewImage, context: OperationContext): Promise<Outcome> {
    return this.#folder.create(image, context);
  }

  plan(name: string): Promise<Forecast> {
    return this.#folder.plan(name);
  }

  async delete(image: DeleteImage, { journal }: OperationContext): Promise<Effect> {
    const { path, volume } = await journal.step({
      name: 'look for the image',
      native: 'storage_vol_lookup_by_name',
      act: () => this.#unused(image),
    });
    await journal.step({
      ...deleteIt,
      act: async () => {
        // From here on nobody makes a disk of it; what was made of it before stands on the volume.
        await rm(path, { force: true });
        await this.#storage.remove(markerOf(volume));
        await this.#storage.remove(volume);
      },
    });
    return 'changed';
  }

  /** Throws what a deletion would end with. */
  async planDelete(image: DeleteImage): Promise<Forecast> {
    await this.#unused(image);
    return { steps: [deleteIt] };
  }

  async #unused({ image, kind }: DeleteImage): Promise<Doomed> {
    const file = await this.#library.only(image, kind);
    const volume = volumeNameOf(file);
    const imported = await (await this.#storage.find(volume))?.path();
    const users = await DiskUsers.read(this.#libvirt, this.#storage);
    for (const path of [file.path, ...(imported === undefined ? [] : [imported])]) {
      const reason = await reasonToKeep(path, users, this.#volumes, []);
      if (reason === null) continue;
      throw new ProblemError('image-in-use', `The image "${image}" stays: ${reason}`, {
        errors: [{ pointer: 'image', detail: 'It is in use.' }],
      });
    }
    return { path: file.path, volume };
  }
}
