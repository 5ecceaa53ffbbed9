import { ApiProblem } from '@polyvirt/api-client';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { Suspense, useState } from 'react';
import { LiveProvider } from './live/live.tsx';
import { LogIn } from './log-in/log-in.tsx';
import { Welcome, welcomePath } from './log-in/welcome.tsx';
import { router } from './routes/router.tsx';
import { SessionProvider, useSession } from './session/session.tsx';
import { FrameSkeleton } from './ui/states.tsx';
import { styleNonce } from './ui/style-nonce.ts';
import { theme } from './ui/theme.ts';

const mostTries = 3;

const cache = new QueryClient({
  defaultOptions: {
    queries: {
      // Events say when something has changed.
      staleTime: Infinity,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => count < mostTries && (!(error instanceof ApiProblem) || error.retryable),
    },
  },
});

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => styleNonce}>
      <Notifications position="bottom-right" />
      <QueryClientProvider client={cache}>
        <SessionProvider>
          <Door />
        </SessionProvider>
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** The address stays while somebody logs in, so that they come to where they wanted. */
function Door() {
  const { state } = useSession();
  const [isWelcome, setWelcome] = useState(() => location.pathname === welcomePath);
  if (isWelcome)
    return (
      <Welcome
        onDone={() => {
          history.replaceState(null, '', '/');
          setWelcome(false);
        }}
      />
    );
  if (state === 'restoring') return <FrameSkeleton />;
  if (state !== 'open') return <LogIn ended={state === 'ended'} />;
  return (
    <Suspense fallback={<FrameSkeleton />}>
      <LiveProvider>
        <RouterProvider router={router} />
      </LiveProvider>
    </Suspense>
  );
}
