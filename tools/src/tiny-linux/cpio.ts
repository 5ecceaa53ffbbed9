/** One entry of an archive. Everything belongs to root. */
export type Entry =
  | { path: string; kind: 'file'; content: Buffer; executable: boolean }
  | { path: string; kind: 'directory' }
  | { path: string; kind: 'link'; target: string }
  | { path: string; kind: 'device'; major: number; minor: number };

const MODES = { file: 0o100644, directory: 0o040755, link: 0o120777, device: 0o020600 };

/**
 * A cpio archive in the "newc" format, which is what the Linux kernel unpacks as its first root. Written here and not by
 * the cpio program, so that building needs neither root nor device files on disk.
 * https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
 */
export function cpio(entries: readonly Entry[]): Buffer {
  const blocks = [...entries.map((entry, index) => record(entry, index + 1)), trailer()];
  return Buffer.concat(blocks);
}

function record(entry: Entry, inode: number): Buffer {
  const body =
    entry.kind === 'file' ? entry.content : entry.kind === 'link' ? Buffer.from(entry.target) : Buffer.alloc(0);
  const mode = MODES[entry.kind] | (entry.kind === 'file' && entry.executable ? 0o111 : 0);
  const [major, minor] = entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0];
  return pack({ path: entry.path, body, inode, mode, major, minor });
}

function trailer(): Buffer {
  return pack({ path: 'TRAILER!!!', body: Buffer.alloc(0), inode: 0, mode: 0, major: 0, minor: 0 });
}

function pack(fields: {
  path: string;
  body: Buffer;
  inode: number;
  mode: number;
  major: number;
  minor: number;
}): Buffer {
  const name = Buffer.from(`${fields.path}\0`);
  // inode, mode, uid, gid, links, mtime, size, device major and minor, rdev major and minor, name size, checksum.
  const numbers = [
    fields.inode,
    fields.mode,
    0,
    0,
    1,
    0,
    fields.body.length,
    0,
    0,
    fields.major,
    fields.minor,
    name.length,
    0,
  ];
  const header = Buffer.from(`070701${numbers.map((n) => n.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([align(Buffer.concat([header, name])), align(fields.body)]);
}

function align(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
}
