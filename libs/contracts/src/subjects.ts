import type { HostId, NativeId, OperationId } from './ids.ts';

/** Every subject and key of the bus is spelt here and nowhere else; `*` stands for any host. */
const root = 'polyvirt.v1';

export const subjects = {
  /** polyvirt.v1.command.kvm-lab1.vm.start */
  command: (host: HostId, verb: string) => `${root}.command.${host}.${verb}`,
  /** polyvirt.v1.command.kvm-lab1.> */
  commandsOf: (host: HostId | '*') => `${root}.command.${host}.>`,
  /** polyvirt.v1.command.> */
  commands: `${root}.command.>`,

  /** polyvirt.v1.event.kvm-lab1.vm.created */
  event: (host: HostId, type: string) => `${root}.event.${host}.${type}`,
  /** polyvirt.v1.event.kvm-lab1.> */
  eventsOf: (host: HostId | '*') => `${root}.event.${host}.>`,
  /** polyvirt.v1.event.*.vm.> */
  eventsAbout: (entity: string, host: HostId | '*' = '*') => `${root}.event.${host}.${entity}.>`,
  /** polyvirt.v1.event.> */
  events: `${root}.event.>`,

  /** polyvirt.v1.query.kvm-lab1.vm-get */
  query: (host: HostId, name: string) => `${root}.query.${host}.${name}`,
  /** polyvirt.v1.query.kvm-lab1.> */
  queriesOf: (host: HostId | '*') => `${root}.query.${host}.>`,

  /** polyvirt.v1.answer.kvm-lab1.<id>: the answer to a question of CORE, which nobody but the host can give */
  answer: (host: HostId, id: string) => `${root}.answer.${host}.${id}`,

  /** polyvirt.v1.metrics.kvm-lab1 */
  metrics: (host: HostId | '*') => `${root}.metrics.${host}`,
  /** polyvirt.v1.rollup.kvm-lab1 */
  rollup: (host: HostId | '*') => `${root}.rollup.${host}`,
  /** polyvirt.v1.rollup.> */
  rollups: `${root}.rollup.>`,
  /** polyvirt.v1.heartbeat.kvm-lab1 */
  heartbeat: (host: HostId | '*') => `${root}.heartbeat.${host}`,

  /** polyvirt.v1.membership.kvm-lab1.renew: what the agent of a host that has joined asks of a gateway */
  membership: (host: HostId | '*', what: 'renew' | 'leave') => `${root}.membership.${host}.${what}`,

  /** A subject of a stream, given the one with the wildcard, on which nothing is ever stored: no host is called so. */
  untakenOf: (all: string) => all.replace(/>$/, '_pulse'),

  /** polyvirt.v1.console.kvm-lab1.<session>.up: bytes from the viewer to the VM */
  consoleUp: (host: HostId, session: string) => `${root}.console.${host}.${session}.up`,
  /** polyvirt.v1.console.kvm-lab1.<session>.down: bytes from the VM to the viewer */
  consoleDown: (host: HostId, session: string) => `${root}.console.${host}.${session}.down`,
  /** polyvirt.v1.console.kvm-lab1.> */
  consolesOf: (host: HostId | '*') => `${root}.console.${host}.>`,
} as const;

/** Keys of the KV buckets. */
export const keys = {
  /** polyvirt_inventory: one VM */
  vm: (host: HostId, nativeId: NativeId) => `${host}.${nativeId}`,
  /** polyvirt_inventory: every VM of a host */
  vmsOf: (host: HostId) => `${host}.*`,
  /** polyvirt_hosts: one host */
  host: (host: HostId) => host,
  /** polyvirt_journal: one operation */
  journal: (host: HostId, operationId: OperationId) => `${host}.${operationId}`,
  /** polyvirt_journal: every operation of a host */
  journalOf: (host: HostId) => `${host}.*`,
  /** polyvirt_index: the keys that a host has in a bucket, or a part of them */
  index: (host: HostId, part: string) => `${host}.${part}`,
  /** polyvirt_index: every part of a host */
  indexesOf: (host: HostId) => `${host}.*`,
  /** polyvirt_index: there as soon as the keys of before are in it; no slug has an underscore */
  indexed: '_.indexed',
  /** polyvirt_pulse: one service */
  pulse: (service: string) => service,
  /** polyvirt_pulse: the agent of one host */
  pulseOfAgent: (host: HostId) => `agent.${host}`,
} as const;

/** `<host>.<native id>` of the inventory, or `<host>.<operation id>` of the journal, taken apart. */
export function splitKey(key: string): { host: HostId; id: string } {
  const dot = key.indexOf('.');
  return { host: key.slice(0, dot), id: key.slice(dot + 1) };
}
