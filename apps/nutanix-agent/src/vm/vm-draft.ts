import { ProblemError } from '@polyvirt/contracts';
import { isObject, objectAt, objectsAt, textAt, withoutNulls, type JsonObject } from '../client/json.ts';
import { addressOf, bytesOf, isPending, macOf, nameOf, uuidOf } from './vm-reader.ts';

const MIB = 1024 ** 2;

/** A VM as it is written back: what was read, and nothing lost of it. */
export interface Draft {
  readonly api_version: string;
  readonly metadata: JsonObject;
  readonly spec: JsonObject;
}

/**
 * Prism shows several facts in two forms of which a write obeys one, and takes what is left out for what is to go. So each is
 * brought into the form that a write obeys: all values of a category, the power that the VM has, the ids of the devices that
 * it has. What is not known here stays as it is.
 * @throws ProblemError `host-rejected` when Prism does not show what would have to be written back
 */
export function draftOf(vm: JsonObject): Draft {
  const draft = withoutNulls(structuredClone(vm)) as JsonObject;
  const actual = objectAt(objectAt(draft, 'status'), 'resources');
  const spec = objectAt(draft, 'spec');
  const resources = objectAt(spec, 'resources');
  if (Object.keys(resources).length === 0)
    throw new ProblemError(
      'host-rejected',
      `Prism Central does not show what VM ${uuidOf(vm)} was asked to be, so that a change would take its devices away. Look at it in Prism Central, then try again.`,
    );
  spec['name'] ??= nameOf(vm);
  if (!isPending(vm)) keepPower(resources, actual);
  keepDisks(objectsAt(resources, 'disk_list'), objectsAt(actual, 'disk_list'));
  keepNics(objectsAt(resources, 'nic_list'), objectsAt(actual, 'nic_list'));
  return {
    api_version: textAt(draft, 'api_version') ?? '3.1',
    metadata: keepCategories(objectAt(draft, 'metadata')),
    spec,
  };
}

/** A category may have several values, of which the plain form shows one; without the flag a write obeys that form. */
function keepCategories({ spec_hash: _hash, ...metadata }: JsonObject): JsonObject {
  const mapping = metadata['categories_mapping'];
  if (!isObject(mapping)) return metadata;
  const all = Object.entries(mapping).map(([key, values]) => [key, Array.isArray(values) ? values : [values]] as const);
  const merged = new Map<string, unknown[]>(all);
  for (const [key, value] of Object.entries(objectAt(metadata, 'categories')))
    merged.set(key, [...new Set([...(merged.get(key) ?? []), value])]);
  return { ...metadata, categories_mapping: Object.fromEntries(merged), use_categories_mapping: true };
}

/** A guest that shut itself down is off, whatever it was asked to be, and a change of its name does not wake it. */
function keepPower(resources: JsonObject, actual: JsonObject): void {
  const power = textAt(actual, 'power_state');
  if (power === 'ON' || power === 'OFF') resources['power_state'] = power;
}

/** A disk without its id would be made anew, and the one that is there would go. Nor does a disk shrink. */
function keepDisks(disks: readonly JsonObject[], actual: readonly JsonObject[]): void {
  for (const disk of disks) {
    const twin = only(
      actual.filter((one) =>
        disk['uuid'] === undefined
          ? addressOf(one) !== undefined && addressOf(one) === addressOf(disk)
          : one['uuid'] === disk['uuid'],
      ),
    );
    if (!twin) continue;
    disk['uuid'] ??= twin['uuid'];
    const [asked, has] = [bytesOf(disk), bytesOf(twin)];
    if (asked !== undefined && has !== undefined && has > asked)
      Object.assign(disk, { disk_size_bytes: has, disk_size_mib: Math.ceil(has / MIB) });
  }
}

/** An address that a guest was seen with is none that can be asked for, and a write without `is_connected` is refused. */
function keepNics(nics: readonly JsonObject[], actual: readonly JsonObject[]): void {
  for (const nic of nics) {
    const twin = only(
      actual.filter((one) =>
        nic['uuid'] === undefined ? macOf(one) !== '' && macOf(one) === macOf(nic) : one['uuid'] === nic['uuid'],
      ),
    );
    nic['uuid'] ??= twin?.['uuid'];
    if (nic['uuid'] === undefined) delete nic['uuid'];
    nic['is_connected'] ??= twin?.['is_connected'] ?? true;
    if (Array.isArray(nic['ip_endpoint_list']))
      nic['ip_endpoint_list'] = objectsAt(nic, 'ip_endpoint_list').filter(
        (endpoint) => endpoint['type'] !== 'LEARNED' && endpoint['ip'] !== undefined,
      );
  }
}

const only = <Item>(items: readonly Item[]): Item | undefined => (items.length === 1 ? items[0] : undefined);
