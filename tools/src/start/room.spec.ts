import { describe, expect, it } from '@jest/globals';
import { Room, type Disk } from './room.ts';

describe('Room', () => {
  const told = async (kept: string | undefined, free: readonly (number | undefined)[]): Promise<string[]> => {
    const lines: string[] = [];
    let freeMiB: number | undefined;
    const look = (): Promise<Disk> =>
      freeMiB === undefined ? Promise.reject(new Error('gone')) : Promise.resolve({ device: 1, freeMiB });
    const room = new Room(['/data/nats', '/data/archives'], kept, (line) => lines.push(line), look);
    for (freeMiB of free) await room.tell();
    return lines;
  };

  it('says once when it becomes worse or better, and names folder, numbers and what helps', async () => {
    const lines = await told(undefined, [5_000, 1_000, 900, 255, 254, 256, 5_000, 4_000]);
    expect(lines).toEqual([
      expect.stringMatching(/\/data\/nats is nearly full: 1000 MiB.*below 256 MiB changes are refused/),
      expect.stringMatching(/\/data\/nats is full: 255 MiB.*until there are 256 MiB.*Make room/),
      expect.stringMatching(/nearly full: 256 MiB/),
      expect.stringMatching(/has room again: 5000 MiB/),
    ]);
  });

  it('takes what the gateway is told to keep, and says nothing of what cannot be asked', async () => {
    expect(await told('10', [41, undefined, 39])).toEqual([expect.stringContaining('below 10 MiB')]);
    expect(await told('0', [0])).toEqual([]);
  });

  it('tells each disk by itself', async () => {
    const lines: string[] = [];
    const disks: Record<string, Disk> = {
      '/a': { device: 1, freeMiB: 1 },
      '/b': { device: 2, freeMiB: 1 },
      '/c': { device: 2, freeMiB: 1 },
    };
    await new Room(
      Object.keys(disks),
      undefined,
      (line) => lines.push(line),
      (folder) => Promise.resolve(disks[folder]!),
    ).tell();
    expect(lines).toEqual([expect.stringContaining('/a'), expect.stringContaining('/b')]);
  });
});
