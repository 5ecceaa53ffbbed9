import { dirname, isAbsolute, join } from 'node:path';
import type { Link } from './backing-chain.ts';

/** Nodes of QEMU that read a format; others hand on what they read, or are where it comes from. */
const FORMATS = 'bochs cloop dmg luks parallels qcow qcow2 qed raw vdi vhdx vmdk vpc'.split(' ');
/** What a name begins with that means a file or a device as it is. */
const PLAIN_PROTOCOL = /^(?:file:(?:\/\/(?=\/))?|host_device:|host_cdrom:)/;

/**
 * The files of this host that a name in an overlay, or in an argument of QEMU, means: none for a protocol, and as many as there
 * are for one that describes nodes. `format` is that of the whole, for names that do not say it themselves.
 */
export function resolveBacking(name: string, overlay: string, format?: string): Link[] {
  if (name.startsWith('json:')) return filesOfJson(name.slice('json:'.length), overlay, format);
  const path = name.replace(PLAIN_PROTOCOL, '');
  if (isAbsolute(path)) return [{ path, format }];
  // As QEMU sees it, a colon before any slash ends the name of a protocol.
  return path === '' || /^[^/]*:/.test(path) ? [] : [{ path: join(dirname(overlay), path), format }];
}

function filesOfJson(text: string, overlay: string, format: string | undefined): Link[] {
  try {
    return filesOfNode(JSON.parse(text), overlay, format);
  } catch {
    return [];
  }
}

/**
 * `{"driver":"qcow2","file":{"driver":"file","filename":"/a"},"backing":{…}}`, also with its levels written as
 * `file.filename`. A node is read by the driver of the one that stands on it.
 */
export function filesOfNode(node: unknown, overlay: string, format?: string): Link[] {
  if (typeof node !== 'object' || node === null) return [];
  const { driver } = node as { driver?: unknown };
  const own = typeof driver === 'string' && FORMATS.includes(driver) ? driver : format;
  return Object.entries(node).flatMap(([key, value]) => {
    const reads = key === 'filename' || key === 'file' || key === 'file.filename' ? own : undefined;
    return /(^|\.)filename$/.test(key) && typeof value === 'string'
      ? resolveBacking(value, overlay, reads)
      : filesOfNode(value, overlay, reads);
  });
}
