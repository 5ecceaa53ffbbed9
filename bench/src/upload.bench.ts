import { createHash, randomBytes } from 'node:crypto';
import { sendUpload } from '@polyvirt/api-client';
import { peakMiB } from '@polyvirt/e2e/memory-peak';
import { endedWell, waiting } from '@polyvirt/e2e/requests';
import { Stack } from '@polyvirt/e2e/stack';
import type { Measurement } from './row.ts';

const HOST = 'bench';
const MIB = 2 ** 20;
const SMALL_MIB = 256;
const LARGE_MIB = 2_048;
const PART_BYTES = 8 * MIB;
const MOST = 1.2;
const LONG_MS = 600_000;

/**
 * The memory of the gateway and of the agent while an image of 2 GiB is uploaded and made, beside what both take for one of an
 * eighth of that.
 */
export const measureUpload: Measurement = async (log) => {
  const stack = await Stack.start({ agents: [{ kind: 'kvm', id: HOST }] });
  try {
    const services = ['gateway', `agent-${HOST}`] as const;
    const pids = services.map((name) => stack.service(name).pid!);
    const part = randomBytes(PART_BYTES);
    const measure = async (name: string, mib: number) => {
      for (const pid of pids) peakMiB(pid);
      const began = performance.now();
      await bring(stack, name, part, mib * MIB);
      const seconds = (performance.now() - began) / 1_000;
      const peaks = pids.map(peakMiB);
      log(`${mib} MiB in ${seconds.toFixed(1)} s, at most ${told(peaks)}`);
      return { peaks, seconds };
    };
    // What they take for the first one is theirs from then on.
    await measure('first', SMALL_MIB);
    const small = await measure('small', SMALL_MIB);
    const large = await measure('large', LARGE_MIB);
    const growth = Math.max(...large.peaks.map((peak, index) => peak / small.peaks[index]!));
    return [
      {
        work: `memory at an upload of ${LARGE_MIB / 1_024} GiB, in ${large.seconds.toFixed(0)} s`,
        ours: told(large.peaks),
        beside: `of ${SMALL_MIB} MiB ${told(small.peaks)}`,
        ratio: growth,
        bar: `≤ ${MOST} ×`,
        met: growth <= MOST,
      },
    ];
  } finally {
    await stack.stop();
  }
};

const told = ([gateway, agent]: readonly number[]): string =>
  `gateway ${gateway!.toFixed(0)} MiB, agent ${agent!.toFixed(0)} MiB`;

/** Uploads an image that is the same part again and again, makes it and deletes it. */
async function bring({ admin }: Stack, name: string, part: Uint8Array<ArrayBuffer>, bytes: number): Promise<void> {
  const hash = createHash('sha256');
  for (let offset = 0; offset < bytes; offset += PART_BYTES) hash.update(part);
  const read = async (_offset: number, length: number) => part.subarray(0, length);
  const upload = await sendUpload(admin, { name, bytes, read }, { partBytes: PART_BYTES });
  const { data } = await admin.POST('/api/v1/hosts/{hostId}/images', {
    body: { name, upload, sha256: hash.digest('hex') },
    params: { path: { hostId: HOST }, header: waiting },
  });
  await endedWell(admin, data, LONG_MS);
  const params = { path: { hostId: HOST, image: name }, header: waiting };
  await endedWell(admin, (await admin.DELETE('/api/v1/hosts/{hostId}/images/{image}', { params })).data);
}
