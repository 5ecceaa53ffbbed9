import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UploadFiles } from './upload-files.ts';

describe('the files of uploads', () => {
  const content = randomBytes(90_000);
  const everything = 2 ** 60;
  let folder: string;
  let files: UploadFiles;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upload-files-'));
    files = filesOf();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const filesOf = (limits: { expireAfterMs?: number; keptBytes?: number } = {}) =>
    new UploadFiles(folder, { expireAfterMs: 3_600_000, expireAfterUseMs: 60_000, keptBytes: 0, ...limits });
  const begin = () => files.create({ userId: 'ada', bytes: content.length });
  async function* of(...chunks: Buffer[]) {
    yield* chunks;
  }

  it('are written by two gateways at once without harm', async () => {
    const upload = await begin();
    const [goOn, isCut] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    async function* late() {
      yield content.subarray(0, 30_000);
      isCut.resolve();
      await goOn.promise;
      yield content.subarray(30_000, 50_000);
    }
    // The first has not noticed that its client is gone, and writes what is left in its buffers afterwards.
    const first = files.append(upload, late());
    await isCut.promise;
    const other = filesOf();
    const continued = (await other.find(upload.id))!;
    expect(continued.receivedBytes).toBe(30_000);
    await other.append(continued, of(content.subarray(30_000)));
    goOn.resolve();
    await first;
    expect((await files.find(upload.id))!.receivedBytes).toBe(content.length);
    expect(readFileSync(files.contentOf(upload.id)).equals(content)).toBe(true);
  });

  it('leave room to others: one that does not fit is not begun', async () => {
    await expect(filesOf({ keptBytes: everything }).create({ userId: 'ada', bytes: 1 })).rejects.toMatchObject({
      code: 'insufficient-capacity',
    });
    await expect(files.create({ userId: 'ada', bytes: everything })).rejects.toMatchObject({
      code: 'insufficient-capacity',
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('take no more when others have used the room meanwhile, and continue when there is room again', async () => {
    const upload = await begin();
    await files.append(upload, of(content.subarray(0, 30_000)));
    const half = (await files.find(upload.id))!;
    const rest = content.subarray(30_000);
    await expect(filesOf({ keptBytes: everything }).append(half, of(rest))).rejects.toMatchObject({
      code: 'insufficient-capacity',
    });
    expect((await files.find(upload.id))!.receivedBytes).toBe(30_000);
    await files.append(half, of(rest));
    expect(readFileSync(files.contentOf(upload.id)).equals(content)).toBe(true);
  });

  it('are lent to each operation until it has ended, and expire soon after the last that used them', async () => {
    const { id } = await begin();
    const livesMs = async () => Date.parse((await files.find(id))!.expiresAt) - Date.now();
    await files.allow(id, 'one', 'first');
    await files.allow(id, 'two', 'second');
    expect(await Promise.all(['first', 'second', 'third'].map((hash) => files.isAllowed(id, hash)))).toEqual([
      ...[true, true, false],
    ]);
    await files.release('one', true);
    expect(await files.isAllowed(id, 'first')).toBe(false);
    expect(await livesMs()).toBeGreaterThan(60_000);
    // It failed, so somebody may try again.
    await files.release('two', false);
    expect(await livesMs()).toBeGreaterThan(60_000);
    await files.allow(id, 'three', 'third');
    await files.release('three', true);
    expect(await livesMs()).toBeLessThanOrEqual(60_000);
    // Another host is to have it, too.
    await files.allow(id, 'four', 'fourth');
    expect(await livesMs()).toBeGreaterThan(60_000);
  });

  it('are swept away when their time is over, and so are halves that nobody completes', async () => {
    const [old, young] = [await begin(), await begin()];
    writeFileSync(join(folder, `${'a'.repeat(24)}.part`), '');
    writeFileSync(join(folder, `${'b'.repeat(24)}.part`), '');
    const before = new Date(Date.now() - 7_200_000);
    for (const name of [`${old.id}.part`, `${old.id}.json`, `${'a'.repeat(24)}.part`])
      utimesSync(join(folder, name), before, before);
    await files.sweep();
    const left = [`${young.id}.json`, `${young.id}.part`, `${'b'.repeat(24)}.part`];
    expect(readdirSync(folder).sort()).toEqual(left.sort());
  });
});
