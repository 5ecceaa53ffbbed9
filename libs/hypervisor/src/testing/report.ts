import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CapabilityName, HostStatus, Hypervisor, VmAction, VmState } from '@polyvirt/contracts';

/** One line of the support matrix. */
export interface ReportRow {
  readonly area: string;
  readonly behaviour: string;
  readonly facet?: CapabilityName;
  /** `absent`: the driver lacks the facet, and says why. */
  readonly result: 'passed' | 'failed' | 'absent';
  readonly reason?: string;
}

/** What a verb does to a VM in a state. */
export interface StateRow {
  readonly state: VmState;
  readonly action: VmAction;
  /** `missing`: the driver lacks it, and says why. */
  readonly result: 'changed' | 'unchanged' | 'refused' | 'timed-out' | 'missing';
  /** State of the VM afterwards; absent when it is gone. */
  readonly after?: VmState;
  /** What to do instead, or why it cannot be done. */
  readonly advice?: string;
}

/** What a run of the suite found out about a driver. */
export interface ConformanceReport {
  readonly driver: string;
  readonly hypervisor: Hypervisor;
  readonly simulated: boolean;
  readonly status: HostStatus;
  readonly rows: readonly ReportRow[];
  readonly states: readonly StateRow[];
}

export function writeReport(path: string, report: ConformanceReport): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
}
