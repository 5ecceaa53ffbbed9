import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { Readable } from 'node:stream';
import { ProblemError } from '@polyvirt/contracts';
import type { ImageSource } from '../driver.ts';
import { isoOf, MemorySource, sha256Of, type SourceHabits } from '../testing/image-content.ts';
import { Death, TestOperation } from '../testing/test-operation.ts';
import { ImageFolder } from './image-folder.ts';
import { SourceInterrupted } from './source-interruptions.ts';

describe('a new image in a folder', () => {
  const content = isoOf(500_000);
  let parent: string;
  let folder: string;
  let accept: () => Promise<void>;

  const names = async () => files().map((file) => file.slice(0, -extname(file).length));
  const images = () => new ImageFolder({ folder, names, accept: () => accept(), pauseMs: 1 });
  const files = () => (existsSync(folder) ? readdirSync(folder).filter((file) => !file.startsWith('.')) : []);
  const everything = () => (existsSync(folder) ? readdirSync(folder) : []);
  const create = (source: MemorySource, operation = new TestOperation(), name = 'rescue') =>
    operation.run((context) => images().create({ name, source }, context));
  const refused = async (source: MemorySource) => {
    const error = await create(source).then(
      () => undefined,
      (reason: unknown) => reason as ProblemError,
    );
    expect(everything()).toEqual([]);
    return error;
  };

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'image-folder-'));
    folder = join(parent, 'images');
    accept = async () => undefined;
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  it('has the name that was asked for, the ending of what it is, and its progress', async () => {
    const operation = new TestOperation();
    const outcome = await create(new MemorySource(content), operation);
    expect(outcome).toEqual({
      effect: 'changed',
      notes: [`The SHA-256 of memory:image is ${sha256Of(content)}.`],
    });
    expect(everything()).toEqual(['rescue.iso']);
    expect(readFileSync(join(folder, 'rescue.iso')).equals(content)).toBe(true);
    expect(operation.progressed.at(-1)).toBe(100);
    expect(operation.progressed).toEqual(operation.progressed.toSorted((a, b) => a - b));
    expect(operation.progressed.length).toBeGreaterThan(3);
  });

  it('comes from a source that nobody answers for at first', async () => {
    const source = new MemorySource(content);
    const open = source.open.bind(source);
    let calls = 0;
    source.open = async (...from) => {
      calls += 1;
      if (calls % 2 === 1) throw new SourceInterrupted('the server is restarting');
      return open(...from);
    };
    expect(await create(source)).toMatchObject({ effect: 'changed' });
  });

  it('from a source that nobody ever answers for is told as that', async () => {
    const source = new MemorySource(content);
    source.open = () => Promise.reject(new SourceInterrupted('nobody is there'));
    expect(await refused(source)).toMatchObject({
      code: 'fetch-failed',
      message: expect.stringContaining('nobody is there'),
    });
  });

  it('with the checksum that was asked for is added without a word', async () => {
    const outcome = await create(new MemorySource(content, { sha256: sha256Of(content) }));
    expect(outcome.notes).toEqual([]);
  });

  it('with another checksum is not kept, and which it has is said', async () => {
    const error = await refused(new MemorySource(content, { sha256: 'ab'.repeat(32) }));
    expect(error).toMatchObject({ code: 'invalid-input', message: expect.stringContaining(sha256Of(content)) });
    expect(error!.extras.errors).toMatchObject([{ pointer: '/sha256' }]);
  });

  it.each<[string, number[], SourceHabits]>([
    ['is continued where it was', [0, 0, 200_000, 200_001], { cuts: [200_000, 200_001] }],
    ['is continued where the size is not known', [0, 0, 70_000], { cuts: [70_000], tellsSize: false }],
  ])('that is interrupted %s', async (_, openedAt, habits) => {
    const source = new MemorySource(content, { ...habits, sha256: sha256Of(content) });
    await create(source);
    expect(source.openedAt).toEqual(openedAt);
  });

  it('that is interrupted, and whose source cannot continue, is given up and leaves nothing', async () => {
    const error = await refused(new MemorySource(content, { cuts: [300_000], resumes: false }));
    expect(error).toMatchObject({ code: 'fetch-failed', message: expect.stringContaining('after 300000 bytes') });
  });

  it('whose source brings nothing any more is given up', async () => {
    const cuts = Array.from({ length: 20 }, () => 100_000);
    const source = new MemorySource(content, { cuts });
    expect(await refused(source)).toMatchObject({ code: 'fetch-failed' });
    expect(source.openedAt.length).toBeLessThan(10);
  });

  it('that changes at its source while it is interrupted is begun again', async () => {
    const other = isoOf(400_000).fill('x', 0x9000);
    const source = new MemorySource(content, { cuts: [300_000] });
    const open = source.open.bind(source);
    source.open = (signal, from) => {
      if (from) source.content = other;
      return open(signal, from);
    };
    const { notes } = await create(source);
    expect(notes).toEqual([expect.stringContaining(sha256Of(other))]);
    expect(readFileSync(join(folder, 'rescue.iso')).equals(other)).toBe(true);
  });

  it('is whole, or continued, or gone, wherever the process dies', async () => {
    const whole = new TestOperation();
    await create(new MemorySource(content), whole, 'whole');
    await rm(join(folder, 'whole.iso'));
    for (const [step] of whole.steps.entries())
      for (const moment of ['before', 'after'] as const) {
        const operation = new TestOperation();
        operation.cut = { step, moment };
        const source = new MemorySource(content, { sha256: sha256Of(content) });
        await expect(create(source, operation)).rejects.toBeInstanceOf(Death);
        await create(source, operation.again());
        expect({ step, moment, files: everything() }).toEqual({ step, moment, files: ['rescue.iso'] });
        // What had come was not fetched again.
        expect(source.openedAt.filter((offset) => offset === 0).length).toBeLessThanOrEqual(3);
        await rm(join(folder, 'rescue.iso'));

        const cancelled = new TestOperation();
        cancelled.cut = { step, moment };
        await expect(create(new MemorySource(content), cancelled)).rejects.toBeInstanceOf(Death);
        const next = cancelled.again();
        next.cancelAfter = -1;
        const ended = await create(new MemorySource(content), next).then(
          () => ['rescue.iso'],
          () => [],
        );
        expect({ step, moment, files: everything() }).toEqual({ step, moment, files: ended });
        await rm(join(folder, 'rescue.iso'), { force: true });
      }
  });

  it('is continued by the next process in the middle', async () => {
    const source = new MemorySource(content, { cuts: [250_000], sha256: sha256Of(content) });
    const operation = new TestOperation();
    const open = source.open.bind(source);
    const dying = Promise.withResolvers<void>();
    source.open = async (signal, from) => {
      if (!from) return open(signal, from);
      // The process is gone while it asks for the rest.
      dying.resolve();
      return new Promise<never>(() => undefined);
    };
    void create(source, operation);
    await dying.promise;
    source.open = open;
    await create(source, operation.again());
    expect(source.openedAt).toEqual([0, 0, 250_000]);
    expect(everything()).toEqual(['rescue.iso']);
  });

  it('is refused when one has its name, however that is written', async () => {
    await create(new MemorySource(content));
    const source = new MemorySource(content);
    await expect(create(source, new TestOperation(), 'Rescue')).rejects.toMatchObject({ code: 'name-taken' });
    await expect(images().plan('RESCUE')).rejects.toMatchObject({ code: 'name-taken' });
    expect(source.openedAt).toEqual([]);
    expect(await images().plan('other')).toMatchObject({ steps: [{ name: 'fetch the image' }, {}] });
  });

  it('replaces no file that came to have its name meanwhile', async () => {
    accept = async () => writeFileSync(join(folder, 'rescue.iso'), 'by hand');
    await expect(create(new MemorySource(content))).rejects.toMatchObject({ code: 'name-taken' });
    expect(everything()).toEqual(['rescue.iso']);
    expect(readFileSync(join(folder, 'rescue.iso'), 'utf8')).toBe('by hand');
  });

  it('that does not fit is refused before it is fetched, with how much there is', async () => {
    const source = new MemorySource(content);
    const open = source.open.bind(source);
    source.open = async (signal) => ({ ...(await open(signal)), bytes: 2 ** 60 });
    const error = await refused(source);
    expect(error).toMatchObject({ code: 'insufficient-capacity', message: expect.stringMatching(/[\d,]+ MiB/) });
    expect(source.openedAt).toEqual([0]);
  });

  it('that the host can make nothing of is not kept', async () => {
    accept = async () => {
      throw new ProblemError('invalid-input', 'This host takes none of it.');
    };
    expect(await refused(new MemorySource(content))).toMatchObject({ code: 'invalid-input' });
  });

  it('is written as it comes: what is in memory does not grow with it', async () => {
    const [chunkBytes, chunks] = [2 ** 20, 48];
    let [given, most] = [0, 0];
    async function* zeros() {
      for (; given < chunks; given += 1) yield Buffer.alloc(chunkBytes);
    }
    const source: ImageSource = {
      label: 'memory:zeros',
      open: async () => ({ offset: 0, bytes: chunks * chunkBytes, content: Readable.from(zeros()) }),
    };
    const operation = new TestOperation();
    const progress = operation.progress.bind(operation);
    operation.progress = (percent) => {
      most = Math.max(most, given - Math.floor((percent / 98) * chunks));
      progress(percent);
    };
    await operation.run((context) => images().create({ name: 'zeros', source }, context));
    expect(given).toBe(chunks);
    // A stream of objects reads 16 ahead.
    expect(most).toBeLessThan(20);
  });

  it('ends with its operation, and leaves nothing', async () => {
    const operation = new TestOperation();
    const source = new MemorySource(content);
    const open = source.open.bind(source);
    source.open = async (signal, from) => {
      const opened = await open(signal, from);
      if (source.openedAt.length > 1) operation.cancel();
      return opened;
    };
    await expect(create(source, operation)).rejects.toThrow('Somebody cancelled it.');
    expect(everything()).toEqual([]);
  });
});
