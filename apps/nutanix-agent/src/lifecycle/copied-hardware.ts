import { foreignText } from '@polyvirt/contracts';
import { isObject, objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';
import { TEMPLATE_CATEGORY } from '../vm/template-mark.ts';
import { deviceTypeOf, macOf, nameOf, namedDevices, resourcesOf } from '../vm/vm-reader.ts';

/** Names of volume groups by UUID. */
export type GroupNames = ReadonlyMap<string, string>;

export const volumeGroupOf = (disk: JsonObject): string | undefined =>
  textAt(objectAt(disk, 'volume_group_reference'), 'uuid');

/** UUIDs of the volume groups that a VM is attached to. They outlive it, and may have several VMs. */
export const volumeGroupsOf = (resources: JsonObject): string[] => [
  ...new Set(objectsAt(resources, 'disk_list').flatMap((disk) => volumeGroupOf(disk) ?? [])),
];

/** Takes volume groups out of a spec. False when none of them is in it. */
export function detachShared(spec: JsonObject, groups: readonly string[]): boolean {
  const resources = objectAt(spec, 'resources');
  const disks = objectsAt(resources, 'disk_list');
  const left = disks.filter((disk) => !groups.includes(volumeGroupOf(disk) ?? ''));
  if (left.length === disks.length) return false;
  resources['disk_list'] = left;
  return true;
}

/**
 * What the author of a copy should know of what its source has on the site. `copy` is as Prism has made it, before anything
 * is detached.
 */
export function copyNotes(source: JsonObject, copy: JsonObject, groups: GroupNames): string[] {
  const [from, to] = [resourcesOf(source), resourcesOf(copy)];
  return [
    ...sourceNotes(source, groups),
    ...addressNotes(from, to),
    ...bootNotes(from, to),
    ...seedNotes(from, to),
    ...categoryNotes(source, copy),
  ];
}

/** What of it the source alone shows. */
export function sourceNotes(source: JsonObject, groups: GroupNames): string[] {
  const from = resourcesOf(source);
  const name = foreignText(nameOf(source));
  return [
    ...volumeGroupsOf(from).map(
      (uuid) =>
        `The volume group "${groups.get(uuid) ?? uuid}" stays with "${name}" alone, as both would write to it. Attach it to the new VM in Prism Central where the guests are made for that.`,
    ),
    ...gpuNotes(from),
    ...(objectAt(from, 'vtpm_config')['vtpm_enabled'] === true
      ? ['Its virtual TPM is a new one: what the guest sealed with that of the source it cannot open.']
      : []),
    ...(objectAt(objectAt(from, 'guest_tools'), 'nutanix_guest_tools')['state'] === 'ENABLED'
      ? ['Nutanix Guest Tools know a VM by a certificate of its own. Enable them anew for the new VM in Prism Central.']
      : []),
  ];
}

function gpuNotes(from: JsonObject): string[] {
  const models = objectsAt(from, 'gpu_list').map((gpu) => textAt(gpu, 'name') ?? `device ${String(gpu['device_id'])}`);
  return models.length === 0
    ? []
    : [
        `It has the GPUs of its source (${foreignText(models.join(', '))}), and starts only where others of them are free.`,
      ];
}

/** Prism gives a copy addresses of its own; one that it did not is in use twice when both run. */
function addressNotes(from: JsonObject, to: JsonObject): string[] {
  const shared = identitiesOf(to).filter((identity) => identitiesOf(from).includes(identity));
  return shared.length === 0
    ? []
    : [`It has ${shared.join(', ')} as its source has. Change that in Prism Central before both run.`];
}

const identitiesOf = (resources: JsonObject): string[] =>
  objectsAt(resources, 'nic_list').flatMap((nic) => {
    const asked = objectsAt(nic, 'ip_endpoint_list').filter((endpoint) => endpoint['type'] !== 'LEARNED');
    const secondary = nic['secondary_ip_address_list'];
    const addresses = [
      ...asked.flatMap((endpoint) => textAt(endpoint, 'ip') ?? []),
      ...(Array.isArray(secondary) ? secondary.filter((address) => typeof address === 'string') : []),
    ];
    const mac = macOf(nic);
    return [...(mac === '' ? [] : [`the MAC address ${mac}`]), ...addresses.map((address) => `the address ${address}`)];
  });

function bootNotes(from: JsonObject, to: JsonObject): string[] {
  const mac = textAt(objectAt(objectAt(to, 'boot_config'), 'boot_device'), 'mac_address');
  const isOfSource =
    mac !== undefined && objectsAt(from, 'nic_list').some((nic) => macOf(nic) === macOf({ mac_address: mac }));
  return isOfSource ? [`It is set to boot from the interface ${mac}, which is that of its source.`] : [];
}

/** A copy that was given user data of its own has that. */
function seedNotes(from: JsonObject, to: JsonObject): string[] {
  const [seed, copied] = [from, to].map((resources) => resources['guest_customization']);
  if (isObject(copied) && JSON.stringify(copied) !== JSON.stringify(seed)) return [];
  if (isObject(seed) && Object.keys(seed).length > 0)
    return [
      'It has the user data of its source, so that its guest may set itself up with the same host name and passwords.',
    ];
  const seeds = namedDevices(from).filter(
    ({ disk }) =>
      deviceTypeOf(disk) === 'CDROM' &&
      disk['disk_size_bytes'] !== undefined &&
      disk['disk_size_bytes'] !== null &&
      textAt(objectAt(disk, 'data_source_reference'), 'uuid') === undefined,
  );
  return seeds.map(
    ({ device }) =>
      `What is in the CD-ROM drive ${device} of its source, perhaps its user data, is in its own as well.`,
  );
}

function categoryNotes(source: JsonObject, copy: JsonObject): string[] {
  const has = categoriesOf(copy);
  const missing = categoriesOf(source).filter((category) => category !== TEMPLATE_CATEGORY && !has.includes(category));
  return missing.length === 0
    ? []
    : [
        `It is not in the categories ${foreignText(missing.join(', '))} of its source, nor under the policies that go by them. Assign them in Prism Central.`,
      ];
}

const categoriesOf = (vm: JsonObject): string[] =>
  Object.entries(objectAt(objectAt(vm, 'metadata'), 'categories_mapping')).flatMap(([key, values]) =>
    Array.isArray(values) ? values.map((value) => `${key}:${String(value)}`) : [],
  );
