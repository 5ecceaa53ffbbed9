import type { NativeDefinition } from '@polyvirt/contracts';
import { objectAt, type JsonObject } from './client/json.ts';

/** What a VM is made by, as it can be posted again. What customizes the guest holds passwords and stays on Prism. */
export function definitionOf(vm: JsonObject): NativeDefinition {
  const spec = objectAt(vm, 'spec');
  const { guest_customization: _secret, ...resources } = objectAt(spec, 'resources');
  const { spec_hash: _hash, ...metadata } = objectAt(vm, 'metadata');
  const definition = { api_version: vm['api_version'] ?? '3.1', metadata, spec: { ...spec, resources } };
  return { format: 'prism-spec', text: `${JSON.stringify(definition, null, 2)}\n`, files: [] };
}
