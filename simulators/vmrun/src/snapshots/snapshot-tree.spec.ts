import { describe, expect, it } from '@jest/globals';
import { Dictionary } from '../dictionary/dictionary.ts';
import { SnapshotTree } from './snapshot-tree.ts';

const empty = () => {
  const file = Dictionary.parse(Buffer.alloc(0));
  return { file, tree: new SnapshotTree(file) };
};

const add = (tree: SnapshotTree, name: string, hasMemory = false) =>
  tree.add({
    name,
    hasMemory,
    createdAt: 1_790_000_000_123_456n,
    disks: [{ fileName: `${name}.vmdk`, node: 'scsi0:0' }],
    fileName: (uid) => `web-Snapshot${uid}.vmsn`,
  });

describe('SnapshotTree', () => {
  it('adds children of the current snapshot and gives uids that never come back', () => {
    const { tree } = empty();
    for (const name of ['a', 'b']) add(tree, name);
    tree.remove(tree.all[1]!);
    add(tree, 'c');
    expect(tree.all.map(({ uid, parent, name }) => [uid, parent, name])).toEqual([
      [1, 0, 'a'],
      [3, 1, 'c'],
    ]);
    expect(tree.currentUid).toBe(3);
  });

  it('writes what it reads', () => {
    const { file, tree } = empty();
    add(tree, 'a "quoted"', true);
    const again = new SnapshotTree(Dictionary.parse(file.bytes())).all[0]!;
    expect(again).toMatchObject({
      name: 'a "quoted"',
      hasMemory: true,
      createdAt: 1_790_000_000_123_456n,
      disks: [{ fileName: 'a "quoted".vmdk', node: 'scsi0:0' }],
      clones: [],
    });
    const low = Number(file.get('snapshot0.createTimeLow'));
    expect(Math.abs(low)).toBeLessThanOrEqual(2 ** 31);
  });

  it('reads a signed low part of the time', () => {
    const file = Dictionary.of({
      'snapshot0.uid': '1',
      'snapshot0.createTimeHigh': '1',
      'snapshot0.createTimeLow': '-1',
    });
    expect(new SnapshotTree(file).all[0]!.createdAt).toBe(0x1_ffff_ffffn);
  });

  it('keeps gaps in its positions', () => {
    const { file, tree } = empty();
    for (const name of ['a', 'b', 'c']) add(tree, name);
    tree.remove(tree.all[1]!);
    expect(file.keys().some((key) => key.startsWith('snapshot1.'))).toBe(false);
    expect(file.get('snapshot2.displayName')).toBe('c');
    expect(file.get('snapshot2.parent')).toBe('1');
    expect(file.get('snapshot.numSnapshots')).toBe('2');
  });

  it('finds by name and by path from a root', () => {
    const { tree } = empty();
    for (const name of ['a', 'b', 'a']) add(tree, name);
    expect(tree.find('a').map(({ uid }) => uid)).toEqual([1, 3]);
    expect(tree.find('a/b/a').map(({ uid }) => uid)).toEqual([3]);
    expect(tree.find('a\\b').map(({ uid }) => uid)).toEqual([2]);
    expect(tree.find('b/a')).toEqual([]);
  });

  it('walks depth first', () => {
    const { tree } = empty();
    for (const name of ['base', 'one']) add(tree, name);
    tree.currentUid = 1;
    add(tree, 'two');
    expect(tree.walk().map(({ snapshot, depth }) => [snapshot.name, depth])).toEqual([
      ['base', 0],
      ['one', 1],
      ['two', 1],
    ]);
  });

  it('remembers linked clones and forgets them', () => {
    const { file, tree } = empty();
    const snapshot = add(tree, 'a');
    tree.write({ ...snapshot, clones: ['/x/one.vmx', '/x/two.vmx'] });
    expect(file.get('snapshot0.clone1')).toBe('/x/two.vmx');
    tree.write({ ...snapshot, clones: [] });
    expect(file.get('snapshot0.numClones')).toBeUndefined();
  });
});
