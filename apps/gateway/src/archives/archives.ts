import { Injectable } from '@nestjs/common';
import { isEvent } from '@polyvirt/bus';
import { archiveUpdated, Archive, paging, ProblemError, VmId } from '@polyvirt/contracts';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { Database } from '../database/database.ts';
import type { Projection } from '../events/projection.ts';
import type { StreamEvent } from '../events/stream-event.ts';
import { Cursors } from '../http/cursor.ts';
import { SortedIndex, type Position } from '../inventory/sorted-index.ts';
import { searchable } from '../inventory/vm-entry.ts';
import { ArchiveEntity } from './archive.entity.ts';

/** Query of `GET /archives`. */
export const ArchiveListQuery = z
  .strictObject({
    q: z.string().min(1).max(255).optional().describe('Part of a name, id or folder, in any case.'),
    deleted: z.stringbool().optional().describe('Only of VMs that were deleted, or only of those that were not.'),
    ...paging,
  })
  .meta({ id: 'ArchiveListQuery' });
export type ArchiveListQuery = z.infer<typeof ArchiveListQuery>;

const list = 'archives';
const Place = z.object({ value: z.number(), id: VmId });

/** One folder in memory, as the text that is sent. */
interface Entry {
  readonly id: VmId;
  readonly createdAtMs: number;
  readonly isDeleted: boolean;
  readonly folder: string;
  readonly haystack: string;
  readonly json: string;
}

/** The folders of the organizer, as its events tell of them. */
@Injectable()
export class Archives implements Projection {
  private readonly entries = new Map<VmId, Entry>();
  private order = new SortedIndex<Entry>((entry) => entry.createdAtMs, []);

  constructor(
    private readonly database: Database,
    private readonly cursors: Cursors,
  ) {}

  async begin(): Promise<void> {
    for (const { archive } of await this.database.repository(ArchiveEntity).find()) {
      const entry = entryOf(JSON.parse(archive) as Archive);
      this.entries.set(entry.id, entry);
    }
    this.order = new SortedIndex<Entry>((entry) => entry.createdAtMs, this.entries.values());
  }

  wants({ type }: StreamEvent): boolean {
    return type === archiveUpdated.name;
  }

  async project(manager: EntityManager, events: readonly StreamEvent[]): Promise<void> {
    const latest = new Map(toldBy(events).map((row) => [row.vmId, row]));
    if (latest.size > 0) await manager.upsert(ArchiveEntity, [...latest.values()], ['vmId']);
  }

  projected(events: readonly StreamEvent[]): void {
    for (const { archive } of toldBy(events)) {
      const next = entryOf(JSON.parse(archive) as Archive);
      const previous = this.entries.get(next.id);
      this.entries.set(next.id, next);
      if (previous) this.order.replace(previous, next);
      else this.order.add(next);
    }
  }

  /** Newest first, as JSON text. */
  page({ q, deleted, limit, cursor }: ArchiveListQuery): string {
    const after = cursor === undefined ? undefined : this.cursors.open<Position>(list, cursor, Place);
    const part = q === undefined ? undefined : searchable(q);
    const found: Entry[] = [];
    this.order.walk(after, true, (entry) => {
      const isMeant = deleted === undefined || entry.isDeleted === deleted;
      if (isMeant && (part === undefined || entry.haystack.includes(part))) found.push(entry);
      return found.length <= limit;
    });
    const shown = found.slice(0, limit);
    const items = shown.map(({ json }) => json).join(',');
    if (found.length <= limit) return `{"items":[${items}]}`;
    const next = this.cursors.seal(list, this.order.positionOf(shown.at(-1)!));
    return `{"items":[${items}],"nextCursor":"${next}"}`;
  }

  /** Throws `archive-not-found`. */
  get(id: VmId): string {
    return this.require(id).json;
  }

  /** Throws `archive-not-found`. */
  require(id: VmId): Pick<Entry, 'folder' | 'json'> {
    const entry = this.entries.get(id);
    if (entry) return entry;
    throw new ProblemError('archive-not-found', `There is no archive of a VM ${id}.`);
  }
}

function entryOf(archive: Archive): Entry {
  return {
    id: archive.vmId,
    createdAtMs: Date.parse(archive.createdAt),
    isDeleted: archive.deletedAt !== undefined,
    folder: archive.folder,
    haystack: searchable([archive.name, archive.vmId, archive.folder].join('\n')),
    json: JSON.stringify(archive),
  };
}

const toldBy = (events: readonly StreamEvent[]): ArchiveEntity[] =>
  events.flatMap(({ event, sequence }) =>
    isEvent(archiveUpdated, event)
      ? [{ vmId: event.data.archive.vmId, sequence, archive: JSON.stringify(event.data.archive) }]
      : [],
  );
