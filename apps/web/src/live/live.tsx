import { useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useState, useSyncExternalStore, type ReactNode } from 'react';
import type { Metrics } from '../api/client.ts';
import { useMay, useMe } from '../session/session.tsx';
import { feedCache } from './cache.ts';
import { LiveConnection, type LinkState, type LiveEvent } from './connection.ts';

const Live = createContext<LiveConnection | undefined>(undefined);

/** What every page needs to stay true, as far as its user may hear it. */
const base = [
  ['vms', 'vm:read'],
  ['hosts', 'host:read'],
  ['operations', 'operation:read'],
  ['archives', 'archive:read'],
] as const;

export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const { permissions } = useMe();
  const [live, setLive] = useState<LiveConnection>();
  const topics = base.flatMap(([topic, permission]) => (permissions.includes(permission) ? [topic] : [])).join(' ');
  useEffect(() => {
    const connection = new LiveConnection();
    connection.hear(topics.split(' '));
    const stop = feedCache(queries, connection);
    setLive(connection);
    return () => {
      stop();
      connection.close();
    };
  }, [queries, topics]);
  return <Live.Provider value={live}>{children}</Live.Provider>;
}

const noLive = { state: 'connecting' as LinkState, lostAt: undefined, onState: () => () => undefined };

export function useLink(): { state: LinkState; lostAt: number | undefined } {
  const live = useContext(Live) ?? noLive;
  const state = useSyncExternalStore(live.onState, () => live.state);
  return { state, lostAt: live.lostAt };
}

/** Calls back with each event while the component is shown; `listener` stays the same. */
export function useEvents(listener: (event: LiveEvent, cursor: string) => void, topics = ''): void {
  const live = useContext(Live);
  useEffect(() => {
    if (!live) return;
    const stops = [live.onEvent(listener), topics === '' ? () => undefined : live.hear(topics.split(' '))];
    return () => stops.forEach((stop) => stop());
  }, [live, listener, topics]);
}

/** Calls back when events were missed that do not come any more; `listener` stays the same. */
export function useGaps(listener: () => void): void {
  const live = useContext(Live);
  useEffect(() => live?.onGap(listener), [live, listener]);
}

/** The latest readings of machines, for as long as they are shown; `listener` stays the same. */
export function useReadings(vmIds: readonly string[], listener: (readings: Metrics[]) => void): void {
  const live = useContext(Live);
  const may = useMay();
  const key = may('metrics:read') ? [...vmIds].sort().join(' ') : '';
  useEffect(() => {
    if (!live || key === '') return;
    const stops = [live.onMetrics(listener), live.hear(key.split(' ').map((id) => `metrics:${id}`))];
    return () => stops.forEach((stop) => stop());
  }, [live, listener, key]);
}
