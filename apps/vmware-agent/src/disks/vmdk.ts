import { open, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, win32 } from 'node:path';
import { orUnreadable, unlessUnreadable } from '../inventory/unreadable.ts';
import { codecOf, decodeText, utf8 } from '../vmx/text-encoding.ts';

const SECTOR = 512;
const MAGIC = 'KDMV';
const NO_PARENT = 'ffffffff';
/** A descriptor is a few hundred bytes; even one with thousands of extents fits. */
const DESCRIPTOR_LIMIT = 1 << 20;

/** What the text part of a virtual disk says. */
export interface Vmdk {
  readonly path: string;
  /** Size that a guest sees, in bytes. */
  readonly bytes: number;
  readonly createType: string;
  /** Absolute path of the disk it is a layer over. */
  readonly parent: string | undefined;
  /** Every file it consists of, itself included; absolute. */
  readonly files: readonly string[];
}

/** Reads the descriptor of a disk. Throws the file system's error, or a SyntaxError when the file is no disk. */
export async function readVmdk(path: string): Promise<Vmdk> {
  const text = await descriptorOf(path);
  const get = (key: string) => new RegExp(`^\\s*${key}\\s*=\\s*"?([^"\\r\\n]*?)"?\\s*$`, 'im').exec(text)?.[1];
  const createType = get('createType');
  if (createType === undefined) throw new SyntaxError(`${path} is no virtual disk`);
  const extents = [...text.matchAll(/^\s*(?:RW|RDONLY|NOACCESS)\s+(\d+)\s+\w+(?:\s+"([^"]*)")?/gm)];
  // A descriptor without a part is half of one.
  if (extents.length === 0) throw new SyntaxError(`${path} does not say what it consists of`);
  const sectors = extents.reduce((sum, [, count]) => sum + Number(count), 0);
  const hint = (get('parentCID') ?? NO_PARENT).toLowerCase() === NO_PARENT ? undefined : get('parentFileNameHint');
  const files = extents.flatMap(([, , name]) => (name === undefined || name === '' ? [] : beside(path, name)));
  return {
    path,
    bytes: sectors * SECTOR,
    createType,
    parent: hint === undefined ? undefined : beside(path, hint),
    files: [...new Set([path, ...files])],
  };
}

/** The files that a disk consists of, itself first; of one that cannot be read only itself is known. */
export const partsOf = async (path: string): Promise<readonly string[]> =>
  (await orUnreadable(readVmdk(path)))?.files ?? [path];

/** A file that another one names: absolute, or relative to its folder. */
export const beside = (path: string, name: string): string =>
  isAbsolute(name) || win32.isAbsolute(name) ? name : join(dirname(path), name);

/** The path without symbolic links, as far as there is something at it: one file has many names. */
export async function realPath(path: string): Promise<string> {
  if (!isAbsolute(path)) return path;
  const real = (one: string) => orUnreadable(realpath(one));
  const folder = dirname(path);
  return (await real(path)) ?? join((await real(folder)) ?? folder, basename(path));
}

/**
 * Real paths of the disk and of everything it stands on, from the top. Ends at the first layer that cannot be read, which is
 * one of them: it is there for somebody. `onEnd` is told why it cannot.
 */
export async function chainOf(path: string, onEnd: (error: unknown) => void = () => undefined): Promise<string[]> {
  const chain: string[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const real: string = await realPath(next);
    if (chain.includes(real)) break;
    chain.push(real);
    try {
      next = (await readVmdk(real)).parent;
    } catch (error) {
      unlessUnreadable(error);
      onEnd(error);
      break;
    }
  }
  return chain;
}

/** Name without what snapshots and clones add to it. */
export const stemOf = (path: string): string => basename(path).replace(/\.vmdk$/i, '');

/** In the encoding that it says it is in; older ones say none. */
function textOf(bytes: Buffer): string {
  const declared = /^\s*encoding\s*=\s*"?([^"\r\n]+?)"?\s*$/im.exec(bytes.toString('latin1'))?.[1];
  const codec = declared === undefined ? undefined : codecOf(declared);
  return codec ? decodeText(bytes, codec) : (utf8.decode(bytes) ?? bytes.toString('latin1'));
}

/** Kinds that are one file, in which the description is embedded. */
const kindsOfOneFile: ReadonlySet<string> = new Set(['monolithicSparse', 'streamOptimized']);

/** Whether a disk consists of its own file alone, whatever that was called when it was made. */
export const isOfOneFile = ({ path, createType, parent, files }: Vmdk): boolean =>
  kindsOfOneFile.has(createType) &&
  parent === undefined &&
  files.length <= 2 &&
  files.every((file) => dirname(file) === dirname(path));

/** Has the description of a disk of one file call that file as it is called now. Done again, it changes nothing. */
export async function nameOwnExtent(path: string, fileName: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const head = Buffer.alloc(SECTOR);
    await file.read(head, 0, SECTOR, 0);
    const [at, length] = [28, 36].map((offset) => Number(head.readBigUInt64LE(offset)) * SECTOR) as [number, number];
    const before = Buffer.alloc(Math.min(length, DESCRIPTOR_LIMIT));
    await file.read(before, 0, before.length, at);
    const end = before.indexOf(0);
    const text = before.subarray(0, end === -1 ? before.length : end).toString('latin1');
    // The name in the encoding that the text says it is in would need to be known; that of UTF-8 is what new releases write.
    const name = Buffer.from(fileName).toString('latin1');
    const after = text.replace(
      /^(\s*(?:RW|RDONLY)\s+\d+\s+SPARSE\s+)"[^"]*"/m,
      (_, extent: string) => `${extent}"${name}"`,
    );
    if (after.length > before.length) throw new SyntaxError(`${path} has no room for the name ${fileName}`);
    const whole = Buffer.alloc(before.length);
    whole.write(after, 'latin1');
    await file.write(whole, 0, whole.length, at);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The text stands alone, or embedded in the file of a sparse extent behind its header. */
async function descriptorOf(path: string): Promise<string> {
  // A pipe would be waited at for ever.
  if (!(await stat(path)).isFile()) throw new SyntaxError(`${path} is no file`);
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(SECTOR);
    const { bytesRead } = await file.read(head, 0, SECTOR, 0);
    const isSparse = bytesRead === SECTOR && head.toString('latin1', 0, MAGIC.length) === MAGIC;
    const { size } = await file.stat();
    const from = isSparse ? Number(head.readBigUInt64LE(28)) * SECTOR : 0;
    const length = isSparse ? Number(head.readBigUInt64LE(36)) * SECTOR : size;
    if (from > size) throw new SyntaxError(`${path} ends before it says what it is`);
    const text = Buffer.alloc(Math.min(length, DESCRIPTOR_LIMIT));
    const read = await file.read(text, 0, text.length, from);
    const end = text.subarray(0, read.bytesRead).indexOf(0);
    return textOf(text.subarray(0, end === -1 ? read.bytesRead : end));
  } finally {
    await file.close();
  }
}
