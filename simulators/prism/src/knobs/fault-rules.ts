import { checkedFault, isTaskEffect, pathPattern, type Fault, type RequestEffect, type TaskEffect } from './fault.ts';

export interface RequestFacts {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  /** The raw body, where it has been read. */
  readonly body?: string;
}

interface ArmedFault {
  readonly fault: Fault;
  readonly path?: RegExp;
  readonly operation?: RegExp;
  seen: number;
  struck: number;
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
    });
    return fault;
  }

  /** @throws KnobError for a malformed rule; then nothing changes. */
  replace(raw: readonly unknown[]): void {
    const faults = raw.map(checkedFault);
    this.armed = [];
    for (const fault of faults) this.add(fault);
  }

  remove(id: string): boolean {
    const before = this.armed.length;
    this.armed = this.armed.filter(({ fault }) => fault.id !== id);
    return this.armed.length < before;
  }

  list(): FaultReport[] {
    return this.armed.map(({ fault, struck }) => ({ ...fault, struck }));
  }

  forRequest(facts: RequestFacts): RequestEffect | undefined {
    const hit = this.armed.find(
      (rule) => !isTaskEffect(rule.fault.effect) && matchesRequest(rule, facts) && strikes(rule),
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
  return true;
}
