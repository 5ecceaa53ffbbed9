import { foreignText, ProblemError } from '@polyvirt/contracts';
import {
  CallTimeoutError,
  ConnectError,
  ConnectionLostError,
  ErrorCode,
  isNotFound,
  LibvirtError,
} from '@polyvirt/node-libvirt';

/** The domain is not there any more; another thing that is missing is no answer to that. */
export const isGone = (error: unknown): boolean => isNotFound(error) && error.code === ErrorCode.NO_DOMAIN;

/** Nothing can be asked for at the moment, of whichever domain. */
const isOffline = (error: unknown): boolean => error instanceof ConnectionLostError || error instanceof ConnectError;

/** What libvirt answers, or undefined when it says that it cannot; a daemon that is away or silent says nothing. */
export async function orRefused<Result>(call: Promise<Result>): Promise<Result | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof LibvirtError) return undefined;
    throw error;
  }
}

/**
 * A part of what makes up the record of one domain. What goes wrong with it is told in a sentence about that domain, unless
 * the domain or the daemon is gone.
 */
export async function part<Result>(what: string, reading: Promise<Result>): Promise<Result> {
  try {
    return await reading;
  } catch (error) {
    throw asUnreadable(what, error);
  }
}

function asUnreadable(what: string, error: unknown): unknown {
  if (isGone(error) || isOffline(error) || error instanceof ProblemError) return error;
  if (error instanceof CallTimeoutError)
    return new ProblemError('timed-out', `libvirt did not answer in time when asked for its ${what}.`, {
      cause: error,
    });
  const said = foreignText(error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
  return new ProblemError('host-rejected', `libvirt cannot give its ${what} now: ${said}.${adviceOn(what)}`, {
    cause: error,
  });
}

/** Where virsh shows the same, and perhaps more. */
const adviceOn = (what: string): string =>
  what === 'snapshots' ? ' See virsh snapshot-list.' : ' See virsh dominfo and virsh dumpxml.';

/** The sentence that a list shows for a domain that could not be read; undefined for what is no fault of one domain. */
export function sentenceOf(error: unknown): string | undefined {
  return error instanceof ProblemError ? error.message : undefined;
}
