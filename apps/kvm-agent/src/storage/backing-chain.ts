import { dirname, isAbsolute, join } from 'node:path';
import type { StoragePool } from './storage-pool.ts';
import { orUndefined } from './storage-pool.ts';
import { readVolume } from './volume-facts.ts';

/** One file of a disk: the overlay that is written to, or what is below it. */
export interface Link {
  readonly path: string;
  readonly format: string | undefined;
}

/**
 * The file itself, then the files below it. A raw file ends it: what looks like the header of an overlay in there was
 * written by a guest.
 */
export async function* backingChain(storage: StoragePool, top: Link): AsyncGenerator<Link> {
  const seen = new Set<string>();
  const waiting: Link[] = [top];
  for (let link = waiting.shift(); link; link = waiting.shift()) {
    const identity = await storage.files.identity(link.path);
    if (seen.has(identity)) continue;
    seen.add(identity);
    yield link;
    if (link.format !== 'raw') waiting.push(...(await below(storage, link)));
  }
}

async function below(storage: StoragePool, { path }: Link): Promise<Link[]> {
  const header = await storage.files.header(path);
  if (typeof header === 'object') {
    const backing = header.backing === undefined ? undefined : resolveBacking(header.backing, path);
    const data = header.dataFile === undefined ? undefined : resolveBacking(header.dataFile, path);
    return [
      ...(data === undefined ? [] : [{ path: data, format: 'raw' }]),
      ...(backing === undefined ? [] : [{ path: backing, format: header.backingFormat }]),
    ];
  }
  // Another format, or a file that only libvirt may read.
  const volume = await storage.at(path);
  const facts = volume && (await orUndefined(readVolume(volume)));
  return facts?.backing?.startsWith('/') ? [{ path: facts.backing, format: facts.backingFormat }] : [];
}

/** The path that a name in an overlay means; undefined for what is not a file of this host. */
export function resolveBacking(name: string, overlay: string): string | undefined {
  if (name.startsWith('json:')) return fileOfJson(name.slice('json:'.length), overlay);
  const path = name.replace(/^file:(?:\/\/(?=\/))?/, '');
  if (isAbsolute(path)) return path;
  // As QEMU sees it, a colon before any slash ends the name of a protocol.
  return /^[^/]*:/.test(path) ? undefined : join(dirname(overlay), path);
}

/** `{"driver":"qcow2","file":{"driver":"file","filename":"/a"}}`, also with its levels written as `file.filename`. */
function fileOfJson(text: string, overlay: string): string | undefined {
  let options: unknown;
  try {
    options = JSON.parse(text);
  } catch {
    return undefined;
  }
  const find = (value: unknown): string | undefined => {
    if (typeof value !== 'object' || value === null) return undefined;
    for (const [key, inner] of Object.entries(value)) {
      if (/(^|\.)filename$/.test(key) && typeof inner === 'string') return resolveBacking(inner, overlay);
      const found = find(inner);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return find(options);
}
