import { useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { client, onSessionEnd, type Me, type Permission } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { mayHaveSession, noteSession, onEndedElsewhere } from './tabs.ts';

export type SessionState = 'restoring' | 'open' | 'none' | 'ended';

interface SessionValue {
  readonly state: SessionState;
  logIn(username: string, password: string): Promise<void>;
  logOut(): Promise<void>;
}

const Session = createContext<SessionValue | undefined>(undefined);

export function SessionProvider({ children }: { children: ReactNode }) {
  const cache = useQueryClient();
  const [state, setState] = useState<SessionState>('restoring');
  useEffect(() => {
    onSessionEnd(() => setState((was) => (was === 'open' ? 'ended' : was)));
    onEndedElsewhere(() => client.forget());
    if (!mayHaveSession()) {
      setState('none');
      return;
    }
    client.restore().then(
      (open) => {
        // Without the mark, the next page that is opened does not try in vain.
        if (!open) noteSession(false);
        setState(open ? 'open' : 'none');
      },
      () => setState('none'),
    );
  }, []);
  const value = useMemo<SessionValue>(
    () => ({
      state,
      logIn: async (username, password) => {
        await client.logIn({ username, password });
        cache.clear();
        setState('open');
      },
      logOut: async () => {
        setState('none');
        await client.logOut();
        cache.clear();
      },
    }),
    [state, cache],
  );
  return <Session.Provider value={value}>{children}</Session.Provider>;
}

export function useSession(): SessionValue {
  const session = useContext(Session);
  if (!session) throw new Error('useSession outside of SessionProvider');
  return session;
}

/** Who is logged in; only below the frame, which waits for it. */
export const useMe = (): Me => useSuspenseQuery(queries.me()).data;

/** Whether the user has a permission. */
export function useMay(): (permission: Permission) => boolean {
  const { permissions } = useMe();
  return useCallback((permission) => permissions.includes(permission), [permissions]);
}
