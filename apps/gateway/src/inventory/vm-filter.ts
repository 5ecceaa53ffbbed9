import type { VmListQuery } from '@polyvirt/contracts';
import { searchable, type VmEntry } from './vm-entry.ts';

export type VmFilter = Partial<Pick<VmListQuery, 'host' | 'hypervisor' | 'state' | 'name' | 'label' | 'q'>>;

/** One test for all that a filter asks, or nothing when it asks nothing. */
export function matcherOf(filter: VmFilter): ((entry: VmEntry) => boolean) | undefined {
  const { host, hypervisor, state, name, label, q } = filter;
  const tests: ((entry: VmEntry) => boolean)[] = [];
  if (host !== undefined) tests.push(({ record }) => record.host === host);
  if (hypervisor !== undefined) tests.push(({ record }) => record.hypervisor === hypervisor);
  if (state !== undefined) tests.push(({ record }) => record.state === state);
  if (name !== undefined) tests.push(({ record }) => record.name === name);
  if (label !== undefined) tests.push(hasLabel(label));
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
