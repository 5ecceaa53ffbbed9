/** An operation that a gateway has acknowledged with 202: whatever happens afterwards, it ends. */
export interface Acknowledged {
  readonly operationId: string;
  readonly verb: string;
  readonly host: string;
  /** Of the machine that it is about. Each name is given once. */
  readonly name: string;
}

/** An event of the stream, in its order. */
export interface Heard {
  readonly sequence: number;
  readonly id: string;
  readonly type: string;
  readonly subject: string;
}

/** What is there when everything has come to rest. */
export interface Found {
  readonly acknowledged: readonly Acknowledged[];
  /** Deletions that nobody has acknowledged, and that have happened: their answer was lost. */
  readonly gone: readonly { readonly host: string; readonly name: string }[];
  /** Status of each operation as the API shows it. */
  readonly shown: ReadonlyMap<string, string>;
  readonly events: readonly Heard[];
  /** Machines whose names the load gave, as the API shows them. */
  readonly machines: readonly Machine[];
  /** Names of machines that have a process here, as often as they have one. */
  readonly processes: readonly string[];
  /** Names of machines that have an archive folder, as often as they have one. */
  readonly archives: readonly string[];
}

export interface Machine {
  readonly host: string;
  readonly name: string;
  /** Absent on a host whose machines are no processes of this one. */
  readonly isOn?: boolean;
}

const endings = new Map([
  ['operation.succeeded', 'succeeded'],
  ['operation.failed', 'failed'],
  ['operation.cancelled', 'cancelled'],
]);

/** Sentences about what must never be, whatever fails; none when all is well. */
export function faultsIn(found: Found): string[] {
  return [
    ...operationFaults(found),
    ...eventFaults(found),
    ...machineFaults(found),
    ...processFaults(found),
    ...archiveFaults(found),
  ];
}

function operationFaults({ acknowledged, shown, events }: Found): string[] {
  const ends = Map.groupBy(
    events.filter(({ type }) => endings.has(type)),
    ({ subject }) => subject,
  );
  return acknowledged.flatMap(({ operationId, verb, name }) => {
    const about = `${verb} of ${name} (${operationId})`;
    const told = (ends.get(operationId) ?? []).map(({ type }) => endings.get(type)!);
    const status = shown.get(operationId);
    if (status === undefined) return [`${about} was acknowledged and is not known`];
    if (![...endings.values()].includes(status)) return [`${about} has not ended: it is ${status}`];
    if (told.length !== 1) return [`${about} has ${told.length} ends in the stream: ${told.join(', ')}`];
    return told[0] === status ? [] : [`${about} is shown as ${status}, and the stream says ${told[0]}`];
  });
}

function eventFaults({ events }: Found): string[] {
  const twice = [...Map.groupBy(events, ({ id }) => id)].filter(([, same]) => same.length > 1);
  const gaps = events.filter(({ sequence }, n) => n > 0 && sequence !== events[n - 1]!.sequence + 1);
  const deleted = new Set<string>();
  const risen = events.filter(({ type, subject }) => {
    if (type === 'vm.deleted') deleted.add(subject);
    return type === 'vm.created' && deleted.has(subject);
  });
  return [
    ...twice.map(([id, same]) => `the event ${id} is in the stream ${same.length} times`),
    ...gaps.map(({ sequence }) => `there is a gap before event ${sequence}`),
    ...risen.map(({ subject }) => `${subject} was created after it had been deleted`),
  ];
}

const moreThanOnce = (names: readonly string[]): [string, readonly string[]][] =>
  [...Map.groupBy(names, (name) => name)].filter(([, same]) => same.length > 1);

/** What is on has one process, and what is not has none. */
export function processFaults({ machines, processes }: Pick<Found, 'machines' | 'processes'>): string[] {
  const on = new Set(machines.filter(({ isOn }) => isOn).map(({ name }) => name));
  return [
    ...processes
      .filter((name) => !on.has(name))
      .map((name) => `a process runs ${name}, which is no machine that is on`),
    ...[...on]
      .filter((name) => !processes.includes(name))
      .map((name) => `${name} is shown as on, and no process runs it`),
    ...moreThanOnce(processes).map(([name, same]) => `${same.length} processes run ${name}`),
  ];
}

/** Each machine that ever was has one folder; no other has any. */
export function archiveFaults({ acknowledged, shown, archives }: Pick<Found, 'acknowledged' | 'shown' | 'archives'>) {
  const creations = acknowledged.filter(({ verb }) => verb === 'vm.create');
  const asked = new Set(creations.map(({ name }) => name));
  const made = creations.filter(({ operationId }) => shown.get(operationId) === 'succeeded');
  return [
    ...made.filter(({ name }) => !archives.includes(name)).map(({ name }) => `${name} has no archive folder`),
    ...archives.filter((name) => !asked.has(name)).map((name) => `the archive folder ${name} is of no machine`),
    ...moreThanOnce(archives).map(([name, same]) => `${name} has ${same.length} archive folders`),
  ];
}

/** One that was made and not deleted is there once, and no other is. */
function machineFaults({ acknowledged, gone: others, shown, machines }: Found): string[] {
  const succeeded = acknowledged.filter(({ operationId }) => shown.get(operationId) === 'succeeded');
  const keyOf = ({ host, name }: { host: string; name: string }) => `${name} on ${host}`;
  const made = new Set(succeeded.filter(({ verb }) => verb === 'vm.create').map(keyOf));
  const gone = new Set([...others, ...succeeded.filter(({ verb }) => verb === 'vm.delete')].map(keyOf));
  const there = Map.groupBy(machines, keyOf);
  const lost = [...made].filter((key) => !gone.has(key) && !there.has(key));
  const left = [...there.keys()].filter((key) => !made.has(key) || gone.has(key));
  const doubled = [...there].filter(([, same]) => same.length > 1);
  return [
    ...lost.map((key) => `${key} is lost`),
    ...left.map((key) => `${key} is left behind: its creation did not succeed, or its deletion did`),
    ...doubled.map(([key, same]) => `${key} is there ${same.length} times`),
  ];
}
