import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeEvent, publishEvent } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { archiveUpdated, Archive, type Page, type Problem } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';

const archive = (n: number, change: Partial<Archive> = {}): Archive => ({
  vmId: `kvm-a~vm-${n}`,
  name: `web ${n}`,
  folder: `2026-11-21_web-${n}`,
  path: `/srv/permanent_vms/2026-11-21_web-${n}`,
  createdAt: `2026-11-21T10:00:0${n}Z`,
  updatedAt: `2026-11-21T10:00:0${n}Z`,
  files: [{ path: 'README.md', bytes: 12 }],
  history: [],
  ...change,
});

describe('archives', () => {
  let house: TestHouse;
  let told = 0;

  beforeAll(async () => {
    house = await TestHouse.start();
  }, 30_000);
  afterAll(() => house.stop(), 30_000);

  const tell = async (...archives: Archive[]) => {
    const bus = await house.connect('admin');
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
  const list = async (query = '') => (await house.call<Page<Archive>>('GET', `/archives${query}`)).body;
  const ids = async (query = '') => (await list(query)).items.map(({ vmId }) => vmId.split('-').at(-1));

  it('are shown as the organizer last told of them, newest first', async () => {
    await tell(archive(1), archive(2), archive(3));
    await eventually(async () => expect(await ids()).toEqual(['3', '2', '1']));
    const gone = archive(2, { name: 'Mail', deletedAt: '2026-11-22T10:00:00Z' });
    await tell(gone);
    await eventually(async () => expect(await ids('?deleted=true')).toEqual(['2']));
    expect(await ids('?deleted=false')).toEqual(['3', '1']);
    expect(await ids('?q=MAIL')).toEqual(['2']);
    const { body } = await house.call<Archive>('GET', `/archives/${gone.vmId}`);
    expect(Archive.parse(body)).toEqual(gone);
    const first = await list('?limit=2');
    expect(await ids(`?limit=2&cursor=${first.nextCursor}`)).toEqual(['1']);
  });

  it('are the same for a gateway that starts later', async () => {
    const other = await house.startGateway();
    house.gateways.pop();
    const { body } = await house.call<Page<Archive>>('GET', '/archives', undefined, {}, other);
    expect(body).toEqual(await list());
    await other.stop();
  }, 30_000);

  it('of nobody are archive-not-found', async () => {
    const { status, body } = await house.call<Problem>('GET', '/archives/kvm-a~vm-9');
    expect([status, body.code]).toEqual([404, 'archive-not-found']);
  });
});
