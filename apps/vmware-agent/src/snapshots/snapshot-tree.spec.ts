import { describe, expect, it } from '@jest/globals';
import { Snapshot } from '@polyvirt/contracts';
import { Dictionary } from '../vmx/dictionary.ts';
import { SnapshotTree } from './snapshot-tree.ts';

const tree = (text: string) => new SnapshotTree(Dictionary.parse(Buffer.from(text)));

/** As Workstation writes it, with a gap after a deletion. */
const vmsd = `.encoding = "UTF-8"
snapshot.lastUID = "4"
snapshot.current = "4"
snapshot0.uid = "1"
snapshot0.filename = "web-Snapshot1.vmsn"
snapshot0.displayName = "base"
snapshot0.description = "before |22it|22"
snapshot0.createTimeHigh = "416762"
snapshot0.createTimeLow = "-1794967296"
snapshot0.numDisks = "1"
snapshot0.disk0.fileName = "web.vmdk"
snapshot0.disk0.node = "scsi0:0"
snapshot0.numClones = "1"
snapshot0.clone0 = "/vms/clone/clone.vmx"
snapshot2.uid = "3"
snapshot2.parent = "1"
snapshot2.displayName = "app"
snapshot2.type = "1"
snapshot3.uid = "4"
snapshot3.parent = "3"
snapshot3.displayName = "base"
snapshot.numSnapshots = "3"
`;

describe('the snapshots of a .vmsd file', () => {
  it('are a tree with the times, memory and clones of each', () => {
    const shown = tree(vmsd).shown();
    for (const snapshot of shown) Snapshot.parse(snapshot);
    expect(shown.map(({ id, parent, name, current }) => [id, parent, name, current])).toEqual([
      ['1', null, 'base', false],
      ['3', '1', 'app', false],
      ['4', '3', 'base', true],
    ]);
    expect(shown[0]).toMatchObject({ description: 'before "it"', memory: false, state: 'stopped' });
    expect(shown[1]).toMatchObject({ memory: true, state: 'running' });
    expect(tree(vmsd).all[0]!.clones).toEqual(['/vms/clone/clone.vmx']);
  });

  it('have times in microseconds, of which the low half has a sign', () => {
    const time = (416_762n << 32n) | BigInt.asUintN(32, -1_794_967_296n);
    expect(tree(vmsd).all[0]!.createdAt!.getTime()).toBe(Number(time / 1_000n));
  });

  it('are addressed by name, or by the way from the root where that is not enough', () => {
    const { all, ...rest } = tree(vmsd);
    expect(rest).toBeDefined();
    expect(all.map((one) => tree(vmsd).addressOf(one))).toEqual(['base', 'app', 'base/app/base']);
    expect(
      tree(vmsd)
        .descendantsOf(all[0]!)
        .map(({ uid }) => uid),
    ).toEqual([3, 4]);
  });

  it('are addressed so that vmrun cannot mean another, or not at all', () => {
    const named = (...names: [uid: number, parent: number, name: string][]) =>
      tree(
        names
          .map(
            ([uid, parent, name], position) =>
              `snapshot${position}.uid = "${uid}"\nsnapshot${position}.parent = "${parent}"\nsnapshot${position}.displayName = "${name}"\n`,
          )
          .join(''),
      );
    const address = (of: SnapshotTree, uid: number) => of.addressOf(of.byId(String(uid))!);
    const nested = named([1, 0, 'a'], [2, 1, 'a'], [3, 1, 'b']);
    expect([address(nested, 2), address(nested, 3)]).toEqual(['a/a', 'b']);
    // Either vmrun takes it for the way to a root, or it refuses.
    expect(address(nested, 1)).toBe('a');
    expect(() => address(named([1, 0, 'a'], [2, 0, 'a']), 1)).toThrow(/does not uniquely identify/);
    expect(address(named([1, 0, 'x/y']), 1)).toBe('x/y');
    expect(() => address(named([1, 0, 'x'], [2, 1, 'y'], [3, 2, 'x/y']), 3)).toThrow(/does not uniquely identify/);
    const twins = named([1, 0, 'a'], [2, 1, 'b'], [3, 1, 'b']);
    expect(() => address(twins, 2)).toThrow(/does not uniquely identify/);
  });

  it('are none in an empty file, and in none', () => {
    expect(tree('').shown()).toEqual([]);
    expect(new SnapshotTree(undefined).shown()).toEqual([]);
    expect(tree('cloneOf0 = "/vms/a/a.vmx"\n').cloneOf).toBe('/vms/a/a.vmx');
  });
});
