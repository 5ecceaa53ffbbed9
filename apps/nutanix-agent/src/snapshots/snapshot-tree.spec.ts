import { describe, expect, it } from '@jest/globals';
import type { RecoveryPoint } from './recovery-points.ts';
import { demandShort, type Notes, type SnapshotNote } from './snapshot-notes.ts';
import { snapshotTree, withDescendants } from './snapshot-tree.ts';

const point = (uuid: string): RecoveryPoint => ({
  uuid,
  vm: 'v',
  name: `point ${uuid}`,
  createdAt: '2026-01-01T00:00:00.000Z',
});
const notes = (parents: Record<string, string | null>, current?: string): Notes => ({
  snapshots: new Map(
    Object.entries(parents).map(([id, parent]): [string, SnapshotNote] => [id, { name: id.toUpperCase(), parent }]),
  ),
  current: new Map(current === undefined ? [] : [['v', current]]),
});
const shape = (points: string[], about: Notes) =>
  snapshotTree(points.map(point), about).map(({ id, parent, current }) => [id, parent, current]);

describe('the tree of recovery points', () => {
  it('is what the notes say', () => {
    const about = notes({ a: null, b: 'a', c: 'a' }, 'c');
    expect(shape(['a', 'b', 'c'], about)).toEqual([
      ['a', null, false],
      ['b', 'a', false],
      ['c', 'a', true],
    ]);
    expect(snapshotTree([point('a')], about)[0]).toMatchObject({ name: 'A', memory: false });
  });

  it('says in which state the VM was as far as that was noted', () => {
    const noted = (state?: 'running' | 'stopped'): Notes => ({
      snapshots: new Map([['a', { name: 'A', parent: null, ...(state && { state }) }]]),
      current: new Map(),
    });
    const stateOf = (about: Notes) => snapshotTree([point('a')], about)[0]!.state;
    expect(stateOf(noted('running'))).toBe('running');
    expect(stateOf(noted('stopped'))).toBe('stopped');
    // Taken by others, or noted before states were.
    expect(stateOf(noted())).toBe('unknown');
    expect(stateOf(notes({}))).toBe('unknown');
  });

  it('has those of others as roots, under their own names', () => {
    expect(snapshotTree([point('x')], notes({}))).toMatchObject([{ name: 'point x', parent: null, current: false }]);
  });

  it('passes over what has expired', () => {
    expect(shape(['a', 'c'], notes({ a: null, b: 'a', c: 'b' }, 'b'))).toEqual([
      ['a', null, true],
      ['c', 'a', false],
    ]);
  });

  it('survives notes that go round in a circle', () => {
    expect(shape(['a'], notes({ a: 'b', b: 'c', c: 'b' }, 'b'))).toEqual([['a', null, false]]);
  });

  it('names what stands on a snapshot, children first', () => {
    const tree = snapshotTree(['a', 'b', 'c', 'd'].map(point), notes({ a: null, b: 'a', c: 'b', d: 'a' }));
    expect(withDescendants(tree, 'b')).toEqual(['c', 'b']);
    expect(withDescendants(tree, 'a')).toEqual(['c', 'b', 'd', 'a']);
  });

  it('refuses a note that Prism would not hold', () => {
    expect(() => demandShort({ name: 'a', description: 'x'.repeat(1_000), parent: null })).toThrow(/shorter/);
    expect(() => demandShort({ name: 'a', description: 'x'.repeat(900), parent: null })).not.toThrow();
  });
});
