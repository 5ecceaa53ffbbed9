import { toProblem } from '../libvirt.problems.ts';

/** What a change came to; the note says why something waits for the next start. */
export type Change = { changed: boolean; note: string | null };

export const done = (changed: boolean): Change => ({ changed, note: null });

/** What libvirt refuses to do live waits for the next start; the answer says so, and why. */
export async function attempt(waits: string, live: Promise<void>): Promise<string | null> {
  try {
    await live;
    return null;
  } catch (error) {
    const problem = toProblem(error);
    return `${waits}: ${problem instanceof Error ? problem.message : String(problem)}`;
  }
}
