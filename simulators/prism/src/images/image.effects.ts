import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { booleanAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { ImageRecord } from '../state/records.ts';
import type { Effect } from '../tasks/task-engine.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { entityOf } from '../entities/entity.effects.ts';
import { ImageFileError, type Checksum, type ImageFiles } from './image-files.ts';

/** Size of an image whose source was not really fetched. */
const PRETENDED_BYTES = 1024 ** 3;

function checksumOf(resources: JsonObject): Checksum | undefined {
  const checksum = objectAt(resources, 'checksum');
  const value = stringAt(checksum, 'checksum_value');
  if (value === undefined) return undefined;
  return { algorithm: stringAt(checksum, 'checksum_algorithm') === 'SHA_1' ? 'SHA_1' : 'SHA_256', value };
}

export const createImage = (site: Datacenter, files: ImageFiles): Effect => ({
  async finish(task, now) {
    const image = entityOf(site, 'image', task);
    const sizeBytes = await sizeFromSource(site, files, image);
    return { changes: [['image', image.uuid, placed(site, image, sizeBytes, now)]] };
  },
  undo(task) {
    const image = entityOf(site, 'image', task);
    files.remove(image.uuid);
    return [['image', image.uuid, null]];
  },
});

/** Marks the image complete; without a source it has no size until somebody uploads it. */
function placed(site: Datacenter, image: ImageRecord, sizeBytes: number | undefined, now: number): ImageRecord {
  return {
    ...image,
    state: 'COMPLETE',
    specVersion: image.specVersion + 1,
    updatedAt: now,
    ...(sizeBytes === undefined ? {} : { sizeBytes, sizeShownAt: now + site.lateness('images.sizeLate') }),
  };
}

async function sizeFromSource(site: Datacenter, files: ImageFiles, image: ImageRecord): Promise<number | undefined> {
  const uri = stringAt(image.resources, 'source_uri');
  if (uri !== undefined) return fetched(site, files, image, uri);
  const source = objectAt(image.resources, 'data_source_reference');
  const uuid = stringAt(source, 'uuid');
  if (uuid === undefined) return undefined;
  for (const vm of site.store.all('vm')) {
    const disk = vm.config.disks.find((candidate) => candidate.uuid === uuid);
    if (disk?.sizeBytes !== undefined) return disk.sizeBytes;
  }
  throw new TaskFailure(`INVALID_ARGUMENT: Disk ${uuid} not found`);
}

async function fetched(site: Datacenter, files: ImageFiles, image: ImageRecord, uri: string): Promise<number> {
  if (site.knobs.get('images.download') === 'pretend') return PRETENDED_BYTES;
  if (!uri.startsWith('http')) throw new TaskFailure(`ACTION_NOT_SUPPORTED: this simulator cannot fetch ${uri}`);
  const options = objectAt(image.resources, 'source_options');
  const login = objectAt(options, 'basic_auth');
  const username = stringAt(login, 'username');
  const secret = `${username}:${stringAt(login, 'password') ?? ''}`;
  const headers = username === undefined ? {} : { authorization: `Basic ${Buffer.from(secret).toString('base64')}` };
  if (booleanAt(options, 'allow_insecure_connection') === true && uri.startsWith('https:'))
    throw new TaskFailure('ACTION_NOT_SUPPORTED: this simulator fetches images over verified TLS or plain HTTP only');
  try {
    const response = await fetch(uri, { headers });
    if (!response.ok || response.body === null)
      throw new TaskFailure(`INVALID_ARGUMENT: Could not download ${uri}: HTTP ${response.status}`);
    const bytes = Readable.fromWeb(response.body as ReadableStream);
    return await files.save(image.uuid, bytes, site.knobs.get('images.maxBytes'), checksumOf(image.resources));
  } catch (error) {
    if (error instanceof TaskFailure) throw error;
    // `fetch` reports every transport failure as a TypeError whose cause says what it was.
    if (error instanceof TypeError || error instanceof ImageFileError)
      throw new TaskFailure(`INVALID_ARGUMENT: Could not download ${uri}: ${causeOf(error)}`);
    throw error;
  }
}

const causeOf = (error: Error): string => (error.cause instanceof Error ? error.cause.message : error.message);

export const deleteImage = (site: Datacenter, files: ImageFiles): Effect => ({
  finish(task) {
    const { uuid } = entityOf(site, 'image', task);
    files.remove(uuid);
    return { changes: [['image', uuid, null]] };
  },
  undo(task) {
    const image = entityOf(site, 'image', task);
    return [['image', image.uuid, { ...image, state: 'COMPLETE' }]];
  },
});
