import { describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { record, History } from '../testing/events.ts';
import { afterEvent, VmEventBody } from './document.ts';
import { ForeignFiles, NoAnswerError } from './foreign-files.ts';
import { lookAtFiles } from './vm-files.ts';

const answer = (path: string) => Promise.resolve(path);

describe('ForeignFiles', () => {
  it('gives what a look gives, and throws what it throws', async () => {
    const files = new ForeignFiles();
    expect(await files.look('/disks/a', answer)).toBe('/disks/a');
    await expect(files.look('/disks/a', () => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
  });

  it('waits once for a folder that hangs, and looks there again when it has answered', async () => {
    const files = new ForeignFiles(20);
    const { promise, resolve } = Promise.withResolvers<string>();
    await expect(files.look('/dead/a', () => promise)).rejects.toBeInstanceOf(NoAnswerError);
    let looks = 0;
    const count = (path: string) => ((looks += 1), answer(path));
    await expect(files.look('/dead/b', count)).rejects.toBeInstanceOf(NoAnswerError);
    expect(looks).toBe(0);
    expect(await files.look('/live/a', count)).toBe('/live/a');
    resolve('late');
    await eventually(async () => expect(await files.look('/dead/b', count)).toBe('/dead/b'));
  });

  it('leaves threads to the archive, however many folders hang', async () => {
    const files = new ForeignFiles(20);
    let looks = 0;
    const hang = () => ((looks += 1), new Promise<never>(() => {}));
    for (const folder of ['a', 'b', 'c', 'd'])
      await expect(files.look(`/dead/${folder}/disk`, hang)).rejects.toBeInstanceOf(NoAnswerError);
    expect(looks).toBe(2);
  });

  it('keep what the archive knew of a file while its disk does not answer', async () => {
    const placed = new History().add('vm.started', record({ disks: ['a', 'b'].map(diskAt) }));
    const body = VmEventBody.parse(placed.event.data);
    const draft = {
      ...afterEvent(undefined, placed, body, 'folder'),
      files: [{ path: '/dead/a', link: 'a' }],
    };
    const files = new ForeignFiles(20);
    await expect(files.look('/dead/a', () => new Promise<never>(() => {}))).rejects.toThrow();
    expect(await lookAtFiles(draft, files)).toEqual([
      { path: '/dead/a', link: 'a' },
      { path: '/dead/b', missing: 'Its disk does not answer.' },
    ]);
  });
});

const diskAt = (name: string) => ({ device: name, sizeGiB: 1, path: `/dead/${name}` });
