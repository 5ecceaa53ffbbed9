import type { NativeDefinition } from '@polyvirt/contracts';
import { isObject, objectAt, type JsonObject } from './client/json.ts';

/** What a VM is made by, as it can be posted again. What customizes the guest holds passwords and stays on Prism, as others do. */
export function definitionOf(vm: JsonObject): NativeDefinition {
  const spec = objectAt(vm, 'spec');
  const { guest_customization: _secret, ...resources } = withoutSecrets(objectAt(spec, 'resources'));
  const { spec_hash: _hash, ...metadata } = objectAt(vm, 'metadata');
  const definition = { api_version: vm['api_version'] ?? '3.1', metadata, spec: { ...spec, resources } };
  return { format: 'prism-spec', text: `${JSON.stringify(definition, null, 2)}\n`, files: [] };
}

/** The credentials of guest tools, and what a virtual TPM was given. */
function withoutSecrets<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutSecrets) as Value;
  if (!isObject(value)) return value;
  const shown = Object.entries(value).filter(([key]) => !/^credentials$|password|secret/i.test(key));
  return Object.fromEntries(shown.map(([key, member]) => [key, withoutSecrets(member)])) as Value;
}
