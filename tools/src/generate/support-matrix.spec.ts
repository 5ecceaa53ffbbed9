import { describe, expect, it } from '@jest/globals';
import { capabilityNames } from '@polyvirt/contracts';
import type { ConformanceReport, ReportRow, StateRow } from '@polyvirt/hypervisor/testing';
import { supportMatrixPage } from './support-matrix.ts';

const passed: ReportRow = { area: 'power', behaviour: 'starts a VM', result: 'passed' };
const without = { suspend: { available: false, reason: 'It cannot be.' } };

function report(rows: readonly ReportRow[], capabilities = {}, simulated = false): ConformanceReport {
  const all = Object.fromEntries(capabilityNames.map((name) => [name, { available: true }]));
  return {
    driver: 'a driver',
    hypervisor: 'kvm',
    simulated,
    status: {
      health: { status: 'healthy', detail: '' },
      version: '1',
      capabilities: { ...all, ...capabilities },
      capacity: {},
      notes: [],
    } as unknown as ConformanceReport['status'],
    rows,
    states: [],
  };
}

describe('supportMatrixPage', () => {
  it('shows who can what, and numbers each reason once', () => {
    const absent: ReportRow = { ...passed, result: 'absent', reason: 'It cannot be.' };
    const page = supportMatrixPage({
      kvm: report([passed]),
      vmware: report([passed], {}, true),
      nutanix: report([absent], without),
    });
    expect(page).toContain('| Capability | VMware Workstation *(simulated)* | Nutanix AHV | KVM |');
    expect(page).toContain('| suspend | ✓ | – (1) | ✓ |');
    expect(page).toContain('## Power\n');
    expect(page).toContain('| starts a VM | ✓ | – (1) | ✓ |');
    expect(page).toContain('## Reasons\n\n1. It cannot be.\n');
  });

  it('shows what each verb does in each state once for all, and who differs', () => {
    const states: StateRow[] = [
      { state: 'running', action: 'pause', result: 'changed', after: 'paused' },
      { state: 'running', action: 'start', result: 'unchanged', after: 'running' },
      { state: 'stopped', action: 'pause', result: 'refused', after: 'stopped', advice: 'Start it first.' },
      { state: 'running', action: 'delete', result: 'refused', after: 'running', advice: 'Stop it first.' },
      { state: 'stopped', action: 'delete', result: 'changed' },
    ];
    const missing = states.map((row) => (row.action === 'pause' ? { ...row, result: 'missing' as const } : row));
    const run = (rows: StateRow[]) => ({ ...report([passed]), states: rows });
    const page = supportMatrixPage({ kvm: run(states), vmware: run(states), nutanix: run(missing) });
    expect(page).toContain('| Verb | running | stopped |');
    expect(page).toContain('| start | nothing |  |');
    expect(page).toContain(
      '| pause | VMware Workstation, KVM: → paused; Nutanix AHV: – | VMware Workstation, KVM: refused (Start it first.); Nutanix AHV: – |',
    );
    expect(page).toContain('| delete | refused (Stop it first.) | → gone |');
  });

  it.each([
    ['failed', [{ ...passed, result: 'failed' as const }]],
    ['did not come', []],
  ])('is not written from a run that %s', (how, rows) => {
    expect(() => supportMatrixPage({ kvm: report([passed]), vmware: report(rows), nutanix: report([passed]) })).toThrow(
      `${how} to: power, starts a VM`,
    );
  });
});
