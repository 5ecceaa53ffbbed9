import { ProblemError } from '@polyvirt/contracts';

/** How long a caller waits for a bus that is away. */
const busWithinMs = 5_000;

/** Throws `unavailable` with that sentence when the bus does not come back in time. */
export async function withinPatience<Result>(
  otherwise: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const patience = AbortSignal.timeout(busWithinMs);
  try {
    return await work(patience);
  } catch (error) {
    if (!patience.aborted) throw error;
    throw new ProblemError('unavailable', otherwise, { cause: error });
  }
}
