import { objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';
import { draftOf } from './vm-draft.ts';
import type { Changes } from './vm-edits.ts';
import { addressOf, macOf, resourcesOf } from './vm-reader.ts';
import { isTemplate } from './template-mark.ts';
import { driveOf, setMedium } from './vm-spec.ts';

/** Fields of a spec that a change of CPUs or memory touches. */
const sizes = ['num_sockets', 'num_vcpus_per_socket', 'num_threads_per_core', 'memory_size_mib'] as const;

/** What a VM was before a change, as far as a change can touch it and it can be had back. */
export type Former = {
  readonly name: unknown;
  readonly sizes: JsonObject;
  /** As they can be asked for, with the addresses that they had. */
  readonly nics: readonly JsonObject[];
  /** UUID of the image in its drive; null for an empty one, absent without a drive. */
  readonly medium?: string | null;
  readonly boot: JsonObject;
  readonly template: boolean;
};

export function formerOf(vm: JsonObject): Former {
  const { spec } = draftOf(vm);
  const resources = objectAt(spec, 'resources');
  const actual = objectsAt(resourcesOf(vm), 'nic_list');
  const drive = driveOf(resources);
  return {
    ...(drive && { medium: textAt(objectAt(drive, 'data_source_reference'), 'uuid') ?? null }),
    boot: objectAt(resources, 'boot_config'),
    name: spec['name'],
    template: isTemplate(vm),
    sizes: Object.fromEntries(sizes.flatMap((key) => (resources[key] === undefined ? [] : [[key, resources[key]]]))),
    nics: objectsAt(resources, 'nic_list').map((nic) => {
      const twin = actual.find((one) => macOf(one) === macOf(nic));
      const assigned = objectsAt(twin ?? {}, 'ip_endpoint_list').flatMap((endpoint) => {
        const ip = endpoint['type'] === 'LEARNED' ? undefined : textAt(endpoint, 'ip');
        return ip === undefined ? [] : [{ ip, type: 'ASSIGNED' }];
      });
      return { ...nic, mac_address: macOf(nic), ...(assigned.length > 0 && { ip_endpoint_list: assigned }) };
    }),
  };
}

/** Undoes changes in a spec; false when none of them is in it. What others have changed meanwhile stays. */
export function putBack(spec: JsonObject, former: Former, changes: Changes): boolean {
  const before = JSON.stringify(spec);
  const resources = objectAt(spec, 'resources');
  if (changes.name !== undefined && spec['name'] === changes.name) spec['name'] = former.name;
  if (changes.cpus !== undefined || changes.memoryMiB !== undefined) Object.assign(resources, former.sizes);
  const added = changes.addNics.map(({ mac }) => mac);
  const now = objectsAt(resources, 'nic_list').filter((nic) => !added.includes(macOf(nic)));
  const own = former.nics.flatMap(({ uuid: _gone, ...nic }) => {
    const there = now.find((one) => macOf(one) === macOf(nic));
    const isChanged = changes.changeNics.some(({ mac }) => mac === macOf(nic));
    if (there) return [isChanged ? { ...nic, uuid: there['uuid'] } : there];
    return changes.removeNics.includes(macOf(nic)) ? [nic] : [];
  });
  const others = now.filter((nic) => !former.nics.some((one) => macOf(one) === macOf(nic)));
  if (added.length + changes.removeNics.length + changes.changeNics.length > 0)
    resources['nic_list'] = [...own, ...others];
  if (changes.cdrom !== undefined) {
    const drive = driveOf(resources);
    if (former.medium !== undefined) setMedium(spec, former.medium);
    else if (drive) resources['disk_list'] = objectsAt(resources, 'disk_list').filter((one) => one !== drive);
  }
  if (changes.bootOrder !== undefined) resources['boot_config'] = former.boot;
  // A disk that has gone does not come back.
  const places = changes.addDisks.map(({ index }) => `scsi:${index}`);
  if (places.length > 0)
    resources['disk_list'] = objectsAt(resources, 'disk_list').filter((one) => !places.includes(addressOf(one) ?? ''));
  return JSON.stringify(spec) !== before;
}
