import { dateTime, list, mapOf, object, oneOf, reference, string, uuid } from '../schema.ts';
import { intent } from './metadata.ts';
import { nic } from './vm.ts';

export const recoveryPointIntent = intent(
  'vm_recovery_point',
  object({
    name: string(64),
    cluster_reference: reference('cluster'),
    availability_zone_reference: reference('availability_zone'),
    resources: object({
      source_cluster_reference: reference('cluster'),
      source_availability_zone_reference: reference('availability_zone'),
      parent_vm_reference: reference('vm'),
      recovery_point_type: oneOf('CRASH_CONSISTENT', 'APPLICATION_CONSISTENT', 'LIVE'),
      creation_time: dateTime,
      expiration_time: dateTime,
      vm_recovery_point_location_agnostic_uuid: uuid,
    }),
  }),
);

export const restoreRequest = object({
  vm_override_spec: object({ name: string(80), resources: object({ nic_list: list(nic) }) }),
  metadata: object({ uuid, categories_mapping: mapOf(list(string())) }),
});
