import type { VmFilterQuery } from '@polyvirt/contracts';
import { searchable, type VmEntry } from './vm-entry.ts';

export type VmFilter = VmFilterQuery;

/** One test for all that a filter asks, or nothing when it asks nothing. */
export function matcherOf(filter: VmFilter): ((entry: VmEntry) => boolean) | undefined {
  const { host, hypervisor, state, name, label, template, q } = filter;
  const tests: ((entry: VmEntry) => boolean)[] = [];
  if (host !== undefined) tests.push(({ record }) => host.includes(record.host));
  if (hypervisor !== undefined) tests.push(({ record }) => hypervisor.includes(record.hypervisor));
  if (state !== undefined) tests.push(({ record }) => state.includes(record.state));
  if (name !== undefined) tests.push(({ record }) => name.includes(record.name));
  if (label !== undefined) tests.push(...label.map(hasLabel));
  if (template !== undefined) tests.push(({ record }) => (record.template === true) === template);
  if (q !== undefined) {
    const part = searchable(q);
    tests.push((entry) => entry.haystack.includes(part));
  }
  if (tests.length === 0) return undefined;
  return (entry) => tests.every((test) => test(entry));
}

function hasLabel(label: string): (entry: VmEntry) => boolean {
  const equals = label.indexOf('=');
  const key = equals < 0 ? label : label.slice(0, equals);
  if (equals < 0) return ({ annotation }) => Object.hasOwn(annotation.labels, key);
  const value = label.slice(equals + 1);
  return ({ annotation }) => Object.hasOwn(annotation.labels, key) && annotation.labels[key] === value;
}
