import {
  checkedFault,
  isTaskEffect,
  NoSuchFault,
  pathPattern,
  type Fault,
  type RequestEffect,
  type TaskEffect,
} from './fault.ts';

export interface RequestFacts {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  /** The raw body, where it has been read. */
  readonly body?: string;
  /** Of the task that the path names, if it names one. */
  readonly operation?: string;
}

interface Waiter {
  readonly times: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface ArmedFault {
  readonly fault: Fault;
  readonly path?: RegExp;
  readonly operation?: RegExp;
  seen: number;
  struck: number;
  waiters: Waiter[];
}

export interface FaultReport extends Fault {
  readonly struck: number;
}

/** The faults in force, first match first, each counting how often it has struck. */
export class FaultRules {
  private armed: ArmedFault[] = [];

  /** @throws KnobError for a malformed rule. */
  add(raw: unknown): Fault {
    const fault = checkedFault(raw);
    this.remove(fault.id);
    this.armed.push({
      fault,
      ...(fault.path === undefined ? {} : { path: pathPattern(fault.path) }),
      ...(fault.operation === undefined ? {} : { operation: pathPattern(fault.operation, '.') }),
      seen: 0,
      struck: 0,
      waiters: [],
    });
    return fault;
  }

  /** @throws KnobError for a malformed rule; then nothing changes. */
  replace(raw: readonly unknown[]): void {
    const faults = raw.map(checkedFault);
    for (const { fault } of this.armed) this.remove(fault.id);
    for (const fault of faults) this.add(fault);
  }

  remove(id: string): boolean {
    const gone = this.armed.filter(({ fault }) => fault.id === id);
    this.armed = this.armed.filter(({ fault }) => fault.id !== id);
    for (const { waiters } of gone) for (const { reject } of waiters) reject(new NoSuchFault(id));
    return gone.length > 0;
  }

  list(): FaultReport[] {
    return this.armed.map(({ fault, struck }) => ({ ...fault, struck }));
  }

  /** Resolves when a fault has struck so many times. @throws NoSuchFault also when it is removed before. */
  async struck(id: string, times = 1): Promise<void> {
    const rule = this.armed.find(({ fault }) => fault.id === id);
    if (rule === undefined) throw new NoSuchFault(id);
    if (rule.struck < times)
      await new Promise<void>((resolve, reject) => rule.waiters.push({ times, resolve, reject }));
  }

  /** The fault for a request; of a rule that names an operation, only for requests about a task of that operation. */
  forRequest(facts: RequestFacts): RequestEffect | undefined {
    const hit = this.armed.find(
      (rule) =>
        !isTaskEffect(rule.fault.effect) &&
        (rule.operation === undefined || rule.operation.test(facts.operation ?? '')) &&
        matchesRequest(rule, facts) &&
        strikes(rule),
    );
    return hit?.fault.effect as RequestEffect | undefined;
  }

  /** The fault for a new task: matched by its operation and by the request that asked for it. */
  forTask(operation: string, facts: RequestFacts): TaskEffect | undefined {
    const hit = this.armed.find(
      (rule) =>
        isTaskEffect(rule.fault.effect) &&
        (rule.operation === undefined || rule.operation.test(operation)) &&
        matchesRequest(rule, facts) &&
        strikes(rule),
    );
    return hit?.fault.effect as TaskEffect | undefined;
  }
}

function matchesRequest({ fault, path }: ArmedFault, facts: RequestFacts): boolean {
  return (
    (fault.method === undefined || fault.method.toUpperCase() === facts.method) &&
    (path === undefined || path.test(facts.path)) &&
    (fault.bodyContains === undefined || (facts.body ?? '').includes(fault.bodyContains))
  );
}

function strikes(rule: ArmedFault): boolean {
  const { skip = 0, count, probability = 1 } = rule.fault;
  if (count !== undefined && rule.struck >= count) return false;
  if (rule.seen++ < skip) return false;
  if (Math.random() >= probability) return false;
  rule.struck++;
  const reached = rule.waiters.filter(({ times }) => rule.struck >= times);
  rule.waiters = rule.waiters.filter(({ times }) => rule.struck < times);
  for (const { resolve } of reached) resolve();
  return true;
}
