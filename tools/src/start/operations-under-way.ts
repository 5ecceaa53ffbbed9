const askWithinMs = 2_000;

/** How many operations of the stack have not ended; undefined when none has not, or nobody answers. */
export async function operationsUnderWay({ url, token }: { url: string; token: string }): Promise<number | undefined> {
  try {
    const response = await fetch(`${url}/api/v1/stats/summary`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(askWithinMs),
    });
    const { operations } = (await response.json()) as { operations: { pending: number; running: number } };
    return operations.pending + operations.running || undefined;
  } catch {
    // It is to stop all the same.
    return undefined;
  }
}

/** What becomes of them. */
export const sentenceAbout = (count: number): string =>
  `${count === 1 ? '1 operation is' : `${count} operations are`} running: agents wait up to 20 s for them, ` +
  'and what has not ended by then continues at the next start';
