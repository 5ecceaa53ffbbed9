import { ProblemError } from '../problem/problem.ts';
import type { PlanWarning } from '../plan/plan.ts';
import type { HostStatus } from './host.ts';

/** What a VM is to have; what is not asked for is absent. */
export interface Size {
  readonly cpus?: number | undefined;
  readonly memoryMiB?: number | undefined;
}

const units = { cpus: 'CPUs', memoryMiB: 'MiB of memory' } as const;
type Field = keyof typeof units;
const fields = Object.keys(units) as Field[];

/** Throws `insufficient-capacity`, naming both numbers, for a VM that the host can never run, whatever else is on it. */
export function requireFits(size: Size, { limits, capacity }: Pick<HostStatus, 'limits' | 'capacity'>): void {
  const most = { cpus: limits?.cpusPerVm, memoryMiB: limits?.memoryMiBPerVm };
  for (const field of fields) {
    const asked = size[field];
    if (asked === undefined) continue;
    const isShared = field === 'cpus' && limits?.cpusBeyondHost === true;
    const [limit, has] = [most[field], isShared ? undefined : capacity[field]];
    if (limit !== undefined && asked > limit)
      throw tooMuch(field, asked, `a VM of this host has at most ${number(limit)}`);
    if (has !== undefined && asked > has) throw tooMuch(field, asked, `this host has ${number(has)} in all`);
  }
}

/** With less storage than so many MiB free a host takes nothing that may need more; below so many times that it says so. */
const storageKeptMiB = 256;
const tellBelow = 4;
const mibPerGiB = 1_024;

const storageFreeMiB = ({ storageFreeGiB }: HostStatus['capacity']): number =>
  // What is not known is in nobody's way.
  storageFreeGiB === undefined ? Infinity : Math.floor(storageFreeGiB * mibPerGiB);

/** Throws `insufficient-capacity` when the storage of the host is so full that what runs on it may need the rest. */
export function requireStorage({ id, capacity }: Pick<HostStatus, 'capacity'> & { readonly id: string }): void {
  const free = storageFreeMiB(capacity);
  if (free >= storageKeptMiB) return;
  throw new ProblemError(
    'insufficient-capacity',
    `The storage of ${id} has ${number(free)} MiB left, and ${storageKeptMiB} MiB are kept free so that its VMs keep running. ` +
      'Make room there; stop, cancel and delete still work.',
  );
}

/** What the operator should know of the storage before it is used up. */
export function storageNotes(capacity: HostStatus['capacity']): string[] {
  const free = storageFreeMiB(capacity);
  if (free >= tellBelow * storageKeptMiB) return [];
  const consequence = free < storageKeptMiB ? 'changes are refused' : `below ${storageKeptMiB} MiB changes are refused`;
  return [`The storage is nearly full: ${number(free)} MiB are left, and ${consequence} until there is room.`];
}

/** What the author should know when the running VMs together are promised more than the host has. */
export function overcommitNotes(running: readonly Size[], { capacity }: Pick<HostStatus, 'capacity'>): string[] {
  return overcommitted(running, capacity).map(
    ({ field, promised, has }) =>
      `The host is overcommitted: its running VMs have ${number(promised)} ${units[field]} together, it has ${number(has)}.`,
  );
}

/** The same before the change, of what the host `name` would give out. */
export const overcommitWarnings = (
  running: readonly Size[],
  { id, capacity }: { readonly id: string; readonly capacity: HostStatus['capacity'] },
): PlanWarning[] =>
  overcommitted(running, capacity).map(({ field, promised, has }) => ({
    code: 'overcommit',
    detail: `${number(promised)} of ${number(has)} ${units[field]} of ${id} would be given out.`,
    pointer: `/${field}`,
  }));

function overcommitted(running: readonly Size[], capacity: HostStatus['capacity']) {
  return fields.flatMap((field) => {
    const has = capacity[field];
    const promised = running.reduce((sum, size) => sum + (size[field] ?? 0), 0);
    return has === undefined || promised <= has ? [] : [{ field, promised, has }];
  });
}

const tooMuch = (field: Field, asked: number, bound: string): ProblemError =>
  new ProblemError('insufficient-capacity', `${number(asked)} ${units[field]} are asked for, and ${bound}.`, {
    errors: [{ pointer: `/${field}`, detail: `More than there is: ${bound}.` }],
  });

const number = (value: number): string => Math.floor(value).toLocaleString('en-US');
