import { ProblemAlert } from '../ui/states.tsx';

/** What a page could not be shown for: the gateway was updated, or the page has a fault. */
export function RouteProblem({ error, reset }: { error: unknown; reset: () => void }) {
  return <ProblemAlert error={error} retry={reset} />;
}
