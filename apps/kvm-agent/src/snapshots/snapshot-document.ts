import type { CreateSnapshot } from '@polyvirt/contracts';
import { readDefinition, type DomainDisk } from '../domain/domain-reader.ts';
import { setNvram } from '../lifecycle/state-files.ts';
import { EditableXml } from '../xml-edit.ts';
import { attribute, buildXml, child, children, parseXml, text } from '../xml.ts';
import { addKept, elementOf, readKept, removeKept, type Kept } from './kept.ts';

const MS_PER_SECOND = 1000;

/** libvirt's words for the state of a machine at its snapshot. */
export type StateThen = 'running' | 'paused' | 'shutoff';

/** A snapshot as libvirt is told of one that is there. https://libvirt.org/formatsnapshot.html */
export interface NewSnapshot extends Pick<CreateSnapshot, 'name' | 'description'> {
  readonly state: StateThen;
  readonly parent: string | undefined;
  /** The disks of the machine, and whether the snapshot is in them. */
  readonly disks: readonly { readonly device: string; readonly isKept: boolean }[];
  /** The definition of the machine; of one that is on also that of its next start. */
  readonly definition: string;
  readonly next: string | undefined;
  readonly kept: Kept;
}

export function snapshotDocument({ name, description, state, parent, disks, ...machine }: NewSnapshot): string {
  const document = new EditableXml(
    buildXml({
      domainsnapshot: {
        name,
        ...(description === undefined ? {} : { description }),
        state,
        creationTime: String(Math.floor(Date.now() / MS_PER_SECOND)),
        ...(parent === undefined ? {} : { parent: { name: parent } }),
        memory: { '@snapshot': state === 'shutoff' ? 'no' : 'internal' },
        disks: {
          disk: disks.map(({ device, isKept }) => ({ '@name': device, '@snapshot': isKept ? 'internal' : 'no' })),
        },
      },
    }),
  );
  const domain = elementOf(machine.definition, 'domain');
  addKept(domain, machine.kept);
  document.root.adopt(domain);
  if (machine.next !== undefined) document.root.adopt(elementOf(machine.next, 'inactiveDomain'));
  return document.toString();
}

/** A snapshot of ours. */
export interface SnapshotThen {
  readonly kept: Kept;
  readonly state: StateThen;
  /** The disks that it is in. */
  readonly disks: readonly DomainDisk[];
}

/** Undefined for a snapshot that libvirt or another tool has taken. */
export function readOwnSnapshot(xml: string): SnapshotThen | undefined {
  const snapshot = child(parseXml(xml), 'domainsnapshot');
  const kept = readKept(snapshot);
  const domain = child(snapshot, 'domain');
  if (!kept || !domain) return undefined;
  const inside = new Set(
    children(child(snapshot, 'disks'), 'disk')
      .filter((disk) => attribute(disk, 'snapshot') === 'internal')
      .map((disk) => attribute(disk, 'name')),
  );
  const state = text(snapshot, 'state');
  return {
    kept,
    state: state === 'running' || state === 'paused' ? state : 'shutoff',
    disks: readDefinition(domain).disks.filter(({ device }) => inside.has(device)),
  };
}

/**
 * The machine as it was at a snapshot: as it ran, and as its next start was to be. It has the name that it has by now, and its
 * firmware variables are in the file where they are now.
 */
export function definitionsThen(
  xml: string,
  present: { readonly name: string; readonly nvram: string | undefined },
): { definition: string; next: string } {
  const { root } = new EditableXml(xml);
  const [domain, inactive] = [root.child('domain')!, root.child('inactiveDomain')];
  const asNow = (definition: string) => {
    const document = new EditableXml(definition);
    removeKept(document.root);
    document.root.setChildText('name', present.name);
    if (present.nvram !== undefined) setNvram(document, present.nvram);
    return document.toString();
  };
  const definition = asNow(domain.toString());
  return { definition, next: inactive ? asNow(elementOf(inactive.toString(), 'domain').toString()) : definition };
}
