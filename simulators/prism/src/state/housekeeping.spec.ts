import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '../clock.ts';
import { KnobSettings } from '../knobs/knob-settings.ts';
import { Housekeeping } from './housekeeping.ts';
import { Journal } from './journal.ts';
import type { TaskRecord } from './records.ts';
import { Store } from './store.ts';

describe('housekeeping', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'housekeeping-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('forgets ended tasks and request ids after their time, and keeps what is open', () => {
    const store = new Store(new Journal(join(folder, 'journal.jsonl')));
    const knobs = new KnobSettings();
    knobs.patch({ 'tasks.retentionMinutes': 1, 'v4.requestIdMinutes': 1 });
    const task = (uuid: string, completedAt?: number): TaskRecord =>
      ({ uuid, locks: [], ...(completedAt === undefined ? {} : { completedAt }) }) as unknown as TaskRecord;
    store.commit([
      ['task', 'old', task('old', 0)],
      ['task', 'new', task('new', 100_000)],
      ['task', 'open', task('open')],
      ['requestId', 'old', { uuid: 'old', status: 202, body: {}, at: 0 }],
      ['identifier', 'valid', { uuid: 'valid', uuids: [], expiresAt: 200_000 }],
      ['identifier', 'expired', { uuid: 'expired', uuids: [], expiresAt: 1 }],
    ]);
    const housekeeping = new Housekeeping(store, knobs, new Clock());
    housekeeping.sweep(120_000);
    housekeeping.close();
    store.close();
    const again = new Store(new Journal(join(folder, 'journal.jsonl')));
    expect(again.all('task').map(({ uuid }) => uuid)).toEqual(['new', 'open']);
    expect(again.all('requestId')).toEqual([]);
    expect(again.all('identifier').map(({ uuid }) => uuid)).toEqual(['valid']);
    again.close();
  });
});
