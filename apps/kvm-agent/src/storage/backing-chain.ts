import { LibvirtError } from '@polyvirt/node-libvirt';
import { resolveBacking } from './backing-name.ts';
import type { StoragePool } from './storage-pool.ts';
import { orUndefined } from './storage-pool.ts';
import { readVolume } from './volume-facts.ts';

/** One file of a disk: the overlay that is written to, or what is below it. */
export interface Link {
  readonly path: string;
  readonly format: string | undefined;
}

/** Of a file of the disk nobody here can say what is below it. */
export class UnseenBelowError extends Error {
  override readonly name = 'UnseenBelowError';
}

/**
 * The file itself, then the files below it. A raw file ends it: what looks like the header of an overlay in there was
 * written by a guest. Throws UnseenBelowError after all that can be seen, if that is not all there may be.
 */
export async function* backingChain(storage: StoragePool, top: Link): AsyncGenerator<Link> {
  const seen = new Set<string>();
  const waiting: Link[] = [top];
  let unseen: UnseenBelowError | undefined;
  for (let link = waiting.shift(); link; link = waiting.shift()) {
    const identity = await storage.files.identity(link.path);
    if (seen.has(identity)) continue;
    seen.add(identity);
    yield link;
    if (link.format === 'raw') continue;
    try {
      waiting.push(...(await below(storage, link)));
    } catch (error) {
      if (!(error instanceof UnseenBelowError)) throw error;
      unseen ??= error;
    }
  }
  if (unseen) throw unseen;
}

async function below(storage: StoragePool, { path }: Link): Promise<Link[]> {
  const names = await storage.files.namesBelow(path);
  if (names) return names.flatMap(({ name, format }) => resolveBacking(name, path, format));
  if (!(await storage.files.mayExist(path))) return [];
  // A file that only libvirt may read.
  try {
    const volume = await storage.at(path);
    const facts = volume && (await orUndefined(readVolume(volume)));
    if (facts) return facts.backing === undefined ? [] : resolveBacking(facts.backing, path, facts.backingFormat);
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    throw new UnseenBelowError(`libvirt cannot say what is below ${path}: ${error.message}`, { cause: error });
  }
  throw new UnseenBelowError(`${path} is in no storage pool of libvirt, and its header cannot be read`);
}
