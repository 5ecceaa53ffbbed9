import type { Cancel, Clock } from '../clock.ts';
import type { KnobSettings } from '../knobs/knob-settings.ts';
import type { Change } from './records.ts';
import type { Store } from './store.ts';

const EVERY_MS = 60_000;

/** Forgets what has had its time: ended tasks, request ids, reserved UUIDs and recovery points. */
export class Housekeeping {
  private readonly cancel: Cancel;

  constructor(
    private readonly store: Store,
    private readonly knobs: KnobSettings,
    clock: Clock,
  ) {
    this.cancel = clock.every(EVERY_MS, () => this.sweep(clock.now()));
  }

  close(): void {
    this.cancel();
  }

  sweep(now: number): void {
    const { store, knobs } = this;
    const tasksUntil = now - knobs.get('tasks.retentionMinutes') * 60_000;
    const requestsUntil = now - knobs.get('v4.requestIdMinutes') * 60_000;
    const changes: Change[] = [
      ...store
        .all('task')
        .filter(({ completedAt }) => completedAt !== undefined && completedAt < tasksUntil)
        .map(({ uuid }): Change => ['task', uuid, null]),
      ...store
        .all('requestId')
        .filter(({ at }) => at < requestsUntil)
        .map(({ uuid }): Change => ['requestId', uuid, null]),
      ...store
        .all('identifier')
        .filter(({ expiresAt }) => expiresAt < now)
        .map(({ uuid }): Change => ['identifier', uuid, null]),
      ...store
        .all('recoveryPoint')
        .filter(({ expiresAt }) => expiresAt !== undefined && expiresAt < now)
        .map(({ uuid }): Change => ['recoveryPoint', uuid, null]),
    ];
    store.commit(changes);
  }
}
