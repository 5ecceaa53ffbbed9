import { describe, expect, it } from '@jest/globals';
import { offlineAfterMs, type Heartbeat } from '@polyvirt/contracts';
import { Presence } from './presence.ts';

const beat = (incarnation = 'i1', state: Heartbeat['state'] = 'ready'): Heartbeat => ({
  host: 'kvm-a',
  incarnation,
  state,
  health: { status: 'healthy', detail: 'fine' },
  startedAt: '2026-11-21T10:00:00Z',
  sentAt: '2026-11-21T10:00:03Z',
});

describe('Presence', () => {
  it('calls a host online once, and offline after ten seconds of silence, once', () => {
    const presence = new Presence();
    expect(presence.stateOf('kvm-a', 0)).toBe('offline');
    expect(presence.heard(beat(), 0)).toMatchObject({ host: 'kvm-a', to: 'online', incarnation: 'i1' });
    expect(presence.heard(beat(), 3_000)).toBeUndefined();
    expect(presence.stateOf('kvm-a', 3_000 + offlineAfterMs - 1)).toBe('ready');
    expect(presence.lapsed(3_000 + offlineAfterMs - 1)).toEqual([]);
    expect(presence.stateOf('kvm-a', 3_000 + offlineAfterMs)).toBe('offline');
    expect(presence.lapsed(3_000 + offlineAfterMs)).toEqual([{ host: 'kvm-a', to: 'offline', incarnation: 'i1' }]);
    expect(presence.lapsed(60_000)).toEqual([]);
    expect(presence.heard(beat(), 60_000)).toMatchObject({ to: 'online' });
  });

  it('tells of an agent that was restarted before anyone missed it', () => {
    const presence = new Presence();
    presence.heard(beat('i1'), 0);
    expect(presence.heard(beat('i2'), 4_000)).toMatchObject({ to: 'online', incarnation: 'i2' });
  });

  it('shows a draining agent as draining', () => {
    const presence = new Presence();
    presence.heard(beat('i1', 'draining'), 0);
    expect(presence.stateOf('kvm-a', 1)).toBe('draining');
  });

  it('takes a host that was online for online, until it should have been heard', () => {
    const presence = new Presence();
    presence.presume('kvm-a', 'i1', 0);
    expect(presence.stateOf('kvm-a', 9_999)).toBe('ready');
    expect(presence.heard(beat('i1'), 2_000)).toBeUndefined();
    presence.presume('kvm-b', 'i9', 2_000);
    expect(presence.stateOf('kvm-b', 12_000)).toBe('offline');
    expect(presence.lapsed(12_000)).toEqual([
      { host: 'kvm-a', to: 'offline', incarnation: 'i1' },
      { host: 'kvm-b', to: 'offline', incarnation: 'i9' },
    ]);
  });
});
