import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CapabilityName, HostStatus, Hypervisor } from '@polyvirt/contracts';

/** One line of the support matrix. */
export interface ReportRow {
  readonly area: string;
  readonly behaviour: string;
  readonly facet?: CapabilityName;
  /** `absent`: the driver lacks the facet, and says why. */
  readonly result: 'passed' | 'failed' | 'absent';
  readonly reason?: string;
}

/** What a run of the suite found out about a driver. */
export interface ConformanceReport {
  readonly driver: string;
  readonly hypervisor: Hypervisor;
  readonly simulated: boolean;
  readonly status: HostStatus;
  readonly rows: readonly ReportRow[];
}

export function writeReport(path: string, report: ConformanceReport): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
}
