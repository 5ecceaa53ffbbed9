import { createHash } from 'node:crypto';
import type { StatePart } from '../lifecycle/state-files.ts';
import { EditableXml, type Element } from '../xml-edit.ts';
import { child, text, type Xml } from '../xml.ts';

/** A namespace of its own: libvirt keeps one element of each, and that of the machine comes back with a revert. */
const URI = 'https://polyvirt.dev/libvirt/snapshot/1';
const PREFIX = 'polyvirt-snapshot';
const ELEMENT = `${PREFIX}:kept`;

/** QEMU cuts what is longer. */
const LONGEST_TAG_BYTES = 255;

/** What a snapshot of ours has kept, as the definition of the machine within it says. */
export interface Kept {
  /** The name of the snapshot inside the disks. */
  readonly tag: string;
  /** Copies of what the machine had beside its disks; there is none of what it did not have yet. */
  readonly copies: readonly StatePart[];
}

/** Stands for the name of a snapshot in names of files. */
export const keyOf = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 16);

/** The name of a snapshot inside the disks: as it is called, unless QEMU would take that for the number of another one. */
export const tagOf = (name: string): string =>
  /^\d+$/.test(name) || Buffer.byteLength(name) > LONGEST_TAG_BYTES ? `polyvirt-${keyOf(name)}` : name;

/** Of a snapshot that libvirt has taken there is nothing. */
export function readKept(snapshot: Xml | undefined): Kept | undefined {
  const kept = child(child(child(snapshot, 'domain'), 'metadata'), ELEMENT);
  const tag = text(kept, `${PREFIX}:tag`);
  if (tag === undefined) return undefined;
  const copies = (['nvram', 'tpm'] as const).flatMap((kind) => {
    const path = text(kept, `${PREFIX}:${kind}`);
    return path === undefined ? [] : [{ kind, path }];
  });
  return { tag, copies };
}

/** Writes it into the definition of a machine. */
export function addKept(domain: Element, { tag, copies }: Kept): void {
  removeKept(domain);
  const kept = (domain.child('metadata') ?? domain.append('metadata')).append(ELEMENT);
  kept.setAttribute(`xmlns:${PREFIX}`, URI);
  kept.append(`${PREFIX}:tag`).setText(tag);
  for (const { kind, path } of copies) kept.append(`${PREFIX}:${kind}`).setText(path);
}

/** For the definition of a machine that is reverted to it. */
export function removeKept(domain: Element): void {
  domain.child('metadata')?.removeChildren(ELEMENT);
}

/** A definition as the element of that name. */
export function elementOf(definition: string, name: 'domain' | 'inactiveDomain'): Element {
  const { root } = new EditableXml(definition);
  if (name === root.name) return root;
  const renamed = root.toString().replace(/^<\w+/, `<${name}`);
  return new EditableXml(renamed.replace(/<\/\w+>\s*$/, `</${name}>`)).root;
}
