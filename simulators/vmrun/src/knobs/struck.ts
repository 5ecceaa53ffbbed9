import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Registry } from '../host/registry.ts';
import type { FaultKind, Moment } from './fault.ts';

/** Notes that this call was struck, so that whoever tests a driver knows the moment and the process. */
export function noteStruck(registry: Registry, struck: { command: string; kind: FaultKind; at: Moment }): void {
  const folder = registry.own('struck');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${process.pid}-${struck.kind}-${struck.at}`);
  writeFileSync(`${path}~`, JSON.stringify({ pid: process.pid, ...struck }));
  renameSync(`${path}~`, `${path}.json`);
}
