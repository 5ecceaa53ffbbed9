import { describe, expect, it } from '@jest/globals';
import { MinuteRollup, type Metrics } from '@polyvirt/contracts';
import { MinuteRollups } from './minute-rollups.ts';

const at = (time: string) => `2026-01-01T${time}.000Z`;
const reading = (time: string, fields: Partial<Metrics> = {}): Metrics => ({
  vmId: 'a~1',
  state: 'running',
  disks: [],
  networks: [],
  observedAt: at(time),
  ...fields,
});

describe('minute roll-ups', () => {
  it('give average and maximum of what is known, and count the readings', () => {
    const rollups = new MinuteRollups('a');
    rollups.add([reading('10:00:00', { cpuPercent: 10, memoryPercent: 50 })]);
    rollups.add([reading('10:00:30', { cpuPercent: 20 })]);
    rollups.add([reading('10:00:59', { cpuPercent: 33.333_33 })]);
    const [rollup, ...others] = rollups.take(Date.parse(at('10:01:00')));
    expect(others).toEqual([]);
    expect(MinuteRollup.parse(rollup)).toEqual({
      host: 'a',
      minute: at('10:00:00'),
      vms: [
        {
          vmId: 'a~1',
          samples: 3,
          cpuPercent: { average: 21.11, maximum: 33.33 },
          memoryPercent: { average: 50, maximum: 50 },
        },
      ],
    });
  });

  it('sum the rates of the devices that are known; unknown is never zero', () => {
    const rollups = new MinuteRollups('a');
    const disk = { device: 'vda', readBytesPerSecond: 100 };
    const networks = [
      { interface: 'x', rxBytesPerSecond: 1 },
      { interface: 'y', rxBytesPerSecond: 2 },
      { interface: 'z' },
    ];
    rollups.add([reading('10:00:00', { disks: [disk, { device: 'vdb', readBytesPerSecond: 50 }], networks })]);
    const [vm] = rollups.take(Infinity)[0]!.vms;
    expect(vm).toEqual({
      vmId: 'a~1',
      samples: 1,
      diskReadBytesPerSecond: { average: 150, maximum: 150 },
      rxBytesPerSecond: { average: 3, maximum: 3 },
    });
  });

  it('leave out a VM that was off, and a minute in which all were', () => {
    const rollups = new MinuteRollups('a');
    rollups.add([reading('10:00:00', { state: 'stopped' })]);
    expect(rollups.take(Infinity)).toEqual([]);
  });

  it('keep the minute under way until it has ended, and give each once', () => {
    const rollups = new MinuteRollups('a');
    rollups.add([reading('10:00:59', { cpuPercent: 1 }), reading('10:01:00', { cpuPercent: 2 })]);
    const minutes = (nowMs: number) => rollups.take(nowMs).map(({ minute }) => minute);
    expect(minutes(Date.parse(at('10:00:59')))).toEqual([]);
    expect(minutes(Date.parse(at('10:01:30')))).toEqual([at('10:00:00')]);
    expect(minutes(Date.parse(at('10:01:30')))).toEqual([]);
    expect(minutes(Infinity)).toEqual([at('10:01:00')]);
  });
});
