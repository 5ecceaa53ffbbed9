import { describe, expect, it } from '@jest/globals';
import { Snapshot } from '@polyvirt/contracts';
import { readSnapshot } from './snapshot-reader.ts';

describe('a snapshot of libvirt', () => {
  it('is read with its place in the tree', () => {
    const snapshot = readSnapshot(
      `<domainsnapshot><name>007</name><description>before &amp; after</description><state>running</state>
       <parent><name>base</name></parent><creationTime>1790000000</creationTime><memory snapshot='internal'/></domainsnapshot>`,
      true,
    );
    expect(Snapshot.parse(snapshot)).toEqual({
      id: '007',
      name: '007',
      description: 'before & after',
      parent: 'base',
      current: true,
      memory: true,
      state: 'running',
      createdAt: '2026-09-21T14:13:20.000Z',
    });
  });

  it('is a root without memory when nothing else is said', () => {
    const snapshot = readSnapshot(
      `<domainsnapshot><name>a</name><state>shutoff</state><memory snapshot='no'/></domainsnapshot>`,
      false,
    );
    expect(snapshot).toMatchObject({ parent: null, memory: false, current: false, state: 'stopped' });
    expect(snapshot.description).toBeUndefined();
  });
});
