import { isNotFound } from '../protocol/errors.ts';

/** Turns the daemon's "no such object" into null; everything else still rejects. */
export async function orNull<T>(lookup: Promise<T>): Promise<T | null> {
  try {
    return await lookup;
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}
