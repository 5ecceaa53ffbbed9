import { describe, expect, it } from '@jest/globals';
import { planFrom, reconfigureVm, HardwareChange, type DriverVm } from '@polyvirt/contracts';
import { capabilitiesWithout } from '@polyvirt/hypervisor';
import type { Waits } from './live-changes.ts';
import { forecastOf } from './reconfigure-plan.ts';

const [a, b] = ['52:54:00:00:00:01', '52:54:00:00:00:02'] as const;
const vm: DriverVm = {
  nativeId: 'n',
  name: 'web',
  state: 'running',
  cpus: 2,
  memoryMiB: 128,
  disks: [{ device: 'vda', sizeGiB: 1 }],
  nics: [
    { mac: a, network: 'lab', addresses: [] },
    { mac: b, network: 'lab', addresses: [] },
  ],
  snapshots: [],
};
const none: Waits = {
  name: null,
  cpus: null,
  memoryMiB: null,
  addNics: [],
  removeNics: {},
  addDisks: [],
  removeDisks: {},
  cdrom: null,
  bootOrder: null,
};
const capabilities = capabilitiesWithout({});

/** Each change of the whole plan, as `pointer when`. */
function planned(body: object, waits: Partial<Waits>, record = vm) {
  const input = HardwareChange.parse(body);
  const { changes, warnings } = forecastOf(input, record, { ...none, ...waits });
  const outline = reconfigureVm.outline(input, { vm: record, capabilities });
  const plan = planFrom(outline, { changes, warnings });
  return {
    changes: plan.changes.map(({ pointer, when }) => `${pointer} ${when}`),
    warnings: warnings.map(({ pointer, detail }) => `${pointer} ${detail}`),
  };
}

describe('the plan of a change', () => {
  it('comes about at once where nothing speaks against it', () => {
    const body = { name: 'w', cpus: 4, memoryMiB: 64, disks: [{ device: 'vda', sizeGiB: 2 }], removeNics: [b] };
    expect(planned(body, {})).toEqual({
      changes: ['/name now', '/cpus now', '/memoryMiB now', '/disks/0/sizeGiB now', '/nics/1 now'],
      warnings: [],
    });
  });

  it('waits field by field and interface by interface, and says why at its place in the body', () => {
    const waits = { cpus: 'C', addNics: [null, 'N', null], removeNics: { [a]: null, [b]: 'R' } };
    const body = { cpus: 4, memoryMiB: 64, removeNics: [a, b], addNics: [1, 2, 3].map(() => ({ network: 'lab' })) };
    expect(planned(body, waits)).toEqual({
      changes: [
        '/cpus next-power-off',
        '/memoryMiB now',
        '/nics/0 now',
        '/nics/1 next-power-off',
        '/nics/- now',
        '/nics/- next-power-off',
        '/nics/- now',
      ],
      warnings: ['/cpus C', '/removeNics/1 R', '/addNics/1 N'],
    });
  });

  it('is empty for what waits already, and comes about if it need not wait any more', () => {
    const pendingChanges = [
      { pointer: '/cpus', from: 2, to: 1 },
      { pointer: '/nics/1', from: { mac: b, network: 'lab' } },
    ];
    const waiting = { ...vm, pendingChanges };
    const body = { cpus: 1, removeNics: [b] };
    expect(planned(body, { cpus: 'C', removeNics: { [b]: 'R' } }, waiting)).toEqual({ changes: [], warnings: [] });
    expect(planned(body, { removeNics: { [b]: null } }, waiting).changes).toEqual(['/cpus now', '/nics/1 now']);
  });

  it('withdraws what waits when the present value is asked for, whatever else would wait', () => {
    const waiting = { ...vm, pendingChanges: [{ pointer: '/cpus', from: 2, to: 4 }] };
    expect(planned({ cpus: 2 }, { cpus: 'C' }, waiting)).toEqual({ changes: ['/cpus next-power-off'], warnings: [] });
  });
});
