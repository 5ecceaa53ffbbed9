import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { makeEvent, publishEvent, type Bus } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { archiveUpdated, Archive, type Page, type Problem } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';

describe('archives', () => {
  let house: TestHouse;
  let bus: Bus;
  let told = 0;
  /** In the name of every VM of the test, and of no other. */
  let mark: string;
  let count = 0;

  beforeAll(async () => {
    house = await TestHouse.start();
    bus = await house.connect('admin');
  });
  afterAll(() => house.stop());
  beforeEach(() => {
    mark = `test${(count += 1)}`;
  });

  const archive = (n: number, change: Partial<Archive> = {}): Archive => ({
    vmId: `kvm-a~${mark}-${n}`,
    name: `${mark} web ${n}`,
    folder: `2026-11-21_web-${n}`,
    path: `/srv/permanent_vms/2026-11-21_web-${n}`,
    createdAt: `2026-11-21T10:00:0${n}Z`,
    updatedAt: `2026-11-21T10:00:0${n}Z`,
    files: [{ path: 'README.md', bytes: 12 }],
    history: [],
    ...change,
  });
  const tell = async (...archives: Archive[]) => {
    for (const one of archives) {
      const event = makeEvent(archiveUpdated, {
        id: `archive-${++told}`,
        source: '/hosts/kvm-a/organizer',
        subject: one.vmId,
        data: { archive: one },
      });
      await publishEvent(bus, 'kvm-a', event);
    }
  };
  const list = async (query = '', gateway = house.gateway) =>
    (await house.call<Page<Archive>>('GET', `/archives?q=${mark}${query}`, undefined, {}, gateway)).body;
  const ids = async (query = '') => (await list(query)).items.map(({ vmId }) => vmId.split('-').at(-1));

  it('are shown as the organizer last told of them, newest first', async () => {
    await tell(archive(1), archive(2), archive(3));
    await eventually(async () => expect(await ids()).toEqual(['3', '2', '1']));
    const gone = archive(2, { name: `${mark} Mail`, deletedAt: '2026-11-22T10:00:00Z' });
    await tell(gone);
    await eventually(async () => expect(await ids('&deleted=true')).toEqual(['2']));
    expect(await ids('&deleted=false')).toEqual(['3', '1']);
    const { body: found } = await house.call<Page<Archive>>('GET', `/archives?q=${mark}%20MAIL`);
    expect(found.items.map(({ vmId }) => vmId)).toEqual([gone.vmId]);
    const { body } = await house.call<Archive>('GET', `/archives/${gone.vmId}`);
    expect(Archive.parse(body)).toEqual(gone);
    const first = await list('&limit=2');
    expect(await ids(`&limit=2&cursor=${first.nextCursor}`)).toEqual(['1']);
  });

  it('are the same for a gateway that starts later', async () => {
    await tell(archive(1), archive(2));
    await eventually(async () => expect(await ids()).toEqual(['2', '1']));
    await house.withGateway(async (other) => expect(await list('', other)).toEqual(await list()));
  });

  it('of nobody are archive-not-found', async () => {
    const { status, body } = await house.call<Problem>('GET', '/archives/kvm-a~vm-9');
    expect([status, body.code]).toEqual([404, 'archive-not-found']);
  });
});
