import { objectAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import { Refusal } from './refusal.ts';

export interface Reference {
  readonly kind: string;
  readonly uuid: string;
}

function exists(site: Datacenter, { kind, uuid }: Reference): boolean {
  switch (kind) {
    case 'cluster':
      return site.store.get('cluster', uuid)?.function === 'AOS';
    case 'subnet':
    case 'image':
    case 'project':
    case 'volume_group':
      return site.store.get(kind, uuid) !== undefined;
    case 'storage_container':
      return site.store.get('container', uuid) !== undefined;
    default:
      // Disks and users are looked for where they are used.
      return true;
  }
}

/** What the `spec` of a VM points at. */
export function referencesOf(spec: JsonObject): Reference[] {
  const resources = objectAt(spec, 'resources');
  const found: Reference[] = [];
  const add = (holder: JsonObject, key: string, kind?: string): void => {
    const reference = objectAt(holder, key);
    const uuid = stringAt(reference, 'uuid');
    const actual = kind ?? stringAt(reference, 'kind');
    if (uuid !== undefined && actual !== undefined) found.push({ kind: actual, uuid });
  };
  add(spec, 'cluster_reference', 'cluster');
  for (const nic of objectsAt(resources, 'nic_list')) add(nic, 'subnet_reference', 'subnet');
  for (const disk of objectsAt(resources, 'disk_list')) {
    add(disk, 'data_source_reference');
    add(disk, 'volume_group_reference', 'volume_group');
    add(objectAt(disk, 'storage_config'), 'storage_container_reference', 'storage_container');
  }
  return found;
}

/** @throws Refusal naming the first reference that leads nowhere. */
export function checkReferences(site: Datacenter, references: readonly Reference[]): void {
  const missing = references.find((reference) => !exists(site, reference));
  if (missing !== undefined)
    throw new Refusal(
      'unknownReference',
      missing.kind,
      missing.uuid,
      `${missing.kind} : ${missing.uuid} does not exist.`,
    );
}

/** @throws Refusal for a category key or value that nobody has made. */
export function checkCategories(site: Datacenter, categories: Readonly<Record<string, readonly string[]>>): void {
  for (const [key, values] of Object.entries(categories))
    for (const value of values)
      if (site.store.get('category', `${key}/${value}`) === undefined)
        throw new Refusal(
          'unknownReference',
          'category',
          `${key}/${value}`,
          `category : ${key}:${value} does not exist.`,
        );
}
