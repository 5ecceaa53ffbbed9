import { ProblemError, type ProblemCode } from '@polyvirt/contracts';
import { CallTimeoutError, ConnectError, ConnectionLostError, LibvirtError } from '@polyvirt/node-libvirt';

/**
 * Error numbers of libvirt (`virErrorNumber`) and what they mean to a caller. Numbers that are not here are the
 * hypervisor's refusal: `host-rejected`, with its own sentence.
 */
const byCode: Readonly<Record<number, ProblemCode>> = {
  2: 'insufficient-capacity', // VIR_ERR_NO_MEMORY
  5: 'host-offline', // VIR_ERR_NO_CONNECT
  6: 'host-offline', // VIR_ERR_INVALID_CONN
  42: 'vm-not-found', // VIR_ERR_NO_DOMAIN
  43: 'network-not-found', // VIR_ERR_NO_NETWORK
  50: 'image-not-found', // VIR_ERR_NO_STORAGE_VOL
  55: 'wrong-state', // VIR_ERR_OPERATION_INVALID
  68: 'timed-out', // VIR_ERR_OPERATION_TIMEOUT: another call holds the domain
  72: 'snapshot-not-found', // VIR_ERR_NO_DOMAIN_SNAPSHOT
  99: 'device-not-found', // VIR_ERR_DEVICE_MISSING
};

/** The two that libvirt tells apart by nothing but their sentence; daemons on servers speak English by default. */
const byMessage: readonly (readonly [code: number, pattern: RegExp, problem: ProblemCode])[] = [
  [9, /already exists with uuid/, 'name-taken'],
  [38, /No space left on device/, 'insufficient-capacity'],
  [1, /annot allocate memory|cannot set up guest memory/, 'insufficient-capacity'],
];

/** What escaped from a call to libvirt, as a problem. Anything that is not libvirt's passes through. */
export function toProblem(error: unknown): unknown {
  if (error instanceof ConnectionLostError || error instanceof ConnectError)
    return new ProblemError(
      'host-offline',
      'The connection to libvirt was lost. The agent reconnects by itself; try again in a moment.',
      { cause: error },
    );
  if (error instanceof CallTimeoutError)
    return new ProblemError('timed-out', 'libvirt did not answer in time.', { cause: error });
  if (!(error instanceof LibvirtError)) return error;
  const code =
    byMessage.find(([number, pattern]) => number === error.code && pattern.test(error.message))?.[2] ??
    byCode[error.code] ??
    'host-rejected';
  return new ProblemError(code, `libvirt: ${error.message}`, { cause: error });
}
