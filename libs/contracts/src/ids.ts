import { z } from 'zod';

/** Chosen by the operator, used in subjects, keys and URLs: a slug of at most 63 characters. */
export const HostId = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'A host id is a slug: lower-case letters, digits and inner hyphens, at most 63.',
  )
  .describe('Slug of a host, chosen by the operator: `kvm-lab1`.')
  .meta({ id: 'HostId' });
export type HostId = z.infer<typeof HostId>;

/** What the hypervisor calls the VM, spelt so that it is legal in a NATS subject, a KV key and a URL. */
export const NativeId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,128}$/, 'A native id has 1 to 128 letters, digits, hyphens and underscores.')
  .meta({ id: 'NativeId' });
export type NativeId = z.infer<typeof NativeId>;

const vmIdPattern = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)~([A-Za-z0-9_-]{1,128})$/;

/** `<host>~<native id>`. The id routes; nothing has to be looked up. */
export const VmId = z
  .string()
  .regex(vmIdPattern, 'A VM id is `<host>~<native id>`.')
  .describe('Id of a VM, `<host>~<native id>`.')
  .meta({ id: 'VmId' });
export type VmId = z.infer<typeof VmId>;

export const vmIdOf = (host: HostId, nativeId: NativeId): VmId => `${host}~${nativeId}`;

/** Splits a VM id that `VmId` has accepted; any other string throws a RangeError. */
export function parseVmId(id: VmId): { host: HostId; nativeId: NativeId } {
  const match = vmIdPattern.exec(id);
  if (!match) throw new RangeError(`not a VM id: ${id}`);
  return { host: match[1]!, nativeId: match[2]! };
}

/** A UUID of version 7, so that ids sort by time. KVM uses the id of a create operation as the UUID of the domain. */
export const OperationId = z.uuid().describe('Id of an operation.').meta({ id: 'OperationId' });
export type OperationId = z.infer<typeof OperationId>;

export const Timestamp = z.iso.datetime().describe('RFC 3339 time in UTC.').meta({ id: 'Timestamp' });
export type Timestamp = z.infer<typeof Timestamp>;
