import { describe, expect, it } from '@jest/globals';
import type { VmRecord } from '../state/records.ts';
import { EMPTY_CONFIG } from '../vms/vm-defaults.ts';
import { vmEvents } from './webhook-delivery.ts';

const vm = (change: Partial<VmRecord> = {}): VmRecord =>
  ({ power: 'OFF', entityVersion: 1, config: EMPTY_CONFIG, ...change }) as VmRecord;
const nic = (uuid: string) => ({ ...EMPTY_CONFIG, nics: [{ uuid, addresses: [] }] }) as unknown as VmRecord['config'];

describe('webhook events', () => {
  it('tell of a VM once its create has ended', () => {
    const creating = vm({ intent: { spec: {}, creating: true } });
    expect(vmEvents(undefined, creating)).toEqual([]);
    expect(vmEvents(creating, vm())).toEqual(['VM.CREATE']);
    expect(vmEvents(creating, vm({ power: 'ON' }))).toEqual(['VM.CREATE', 'VM.ON']);
    expect(vmEvents(creating, undefined)).toEqual([]);
    expect(vmEvents(vm(), undefined)).toEqual(['VM.DELETE']);
  });

  it('name what has changed', () => {
    const next = { entityVersion: 2 };
    expect(vmEvents(vm(), vm())).toEqual([]);
    expect(vmEvents(vm(), vm({ ...next, power: 'ON' }))).toEqual(['VM.ON']);
    expect(vmEvents(vm({ power: 'ON' }), vm(next))).toEqual(['VM.OFF']);
    expect(vmEvents(vm({ hostUuid: 'a' }), vm({ ...next, hostUuid: 'b' }))).toEqual(['VM.MIGRATE']);
    expect(vmEvents(vm({ config: nic('1') }), vm({ ...next, config: nic('2') }))).toEqual([
      'VM.NIC_PLUG',
      'VM.NIC_UNPLUG',
    ]);
    expect(vmEvents(vm(), vm({ ...next, name: 'x' }))).toEqual(['VM.UPDATE']);
  });
});
