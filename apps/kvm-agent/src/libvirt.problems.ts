import { foreignText, ProblemError, type ProblemCode } from '@polyvirt/contracts';
import { CallTimeoutError, ConnectError, ConnectionLostError, ErrorCode, LibvirtError } from '@polyvirt/node-libvirt';

/**
 * Errors of libvirt and what they mean to a caller. Those that are not here are the hypervisor's refusal: `host-rejected`,
 * with its own sentence.
 */
const byCode: Readonly<Record<number, ProblemCode>> = {
  [ErrorCode.NO_MEMORY]: 'insufficient-capacity',
  [ErrorCode.NO_CONNECT]: 'host-offline',
  [ErrorCode.INVALID_CONN]: 'host-offline',
  [ErrorCode.NO_DOMAIN]: 'vm-not-found',
  [ErrorCode.NO_NETWORK]: 'network-not-found',
  [ErrorCode.OPERATION_INVALID]: 'wrong-state',
  [ErrorCode.OPERATION_TIMEOUT]: 'vm-busy',
  [ErrorCode.NO_DOMAIN_SNAPSHOT]: 'snapshot-not-found',
  [ErrorCode.BLOCK_COPY_ACTIVE]: 'vm-busy',
  [ErrorCode.RESOURCE_BUSY]: 'vm-busy',
  [ErrorCode.DEVICE_MISSING]: 'device-not-found',
};

/** What a caller can do about an error whose sentence does not say it. */
const advice: Partial<Record<ProblemCode, string>> = {
  'vm-busy': ' Another job of libvirt holds the VM: wait for its end, or end it with virsh domjobabort.',
};

/** Those that libvirt tells apart by nothing but their sentence; daemons on servers speak English by default. */
const byMessage: readonly (readonly [code: number, pattern: RegExp, problem: ProblemCode])[] = [
  [ErrorCode.OPERATION_FAILED, /already exists with uuid/, 'name-taken'],
  [ErrorCode.SYSTEM_ERROR, /No space left on device/, 'insufficient-capacity'],
  // libvirt answers, and nothing can be started until it is back.
  [ErrorCode.SYSTEM_ERROR, /^Failed to connect socket to '.*virtlogd-sock'/, 'host-offline'],
  [ErrorCode.INTERNAL_ERROR, /annot allocate memory|cannot set up guest memory/, 'insufficient-capacity'],
];

/** What no QEMU is asked for: these wait for nobody but the daemon. */
const withoutQemu = /^(?:connect(?!GetAllDomainStats)|node(?!Device)|domain(?:Define|Undefine))/;

/** Whether the daemon itself hangs, which is waited for as when it is away, and not the one machine that was asked about. */
const isOfDaemon = ({ procedure }: CallTimeoutError): boolean => withoutQemu.test(procedure);

/** What escaped from a call to libvirt, as a problem. Anything that is not libvirt's passes through. */
export function toProblem(error: unknown): unknown {
  if (error instanceof ConnectionLostError || error instanceof ConnectError)
    return new ProblemError(
      'host-offline',
      'The connection to libvirt was lost. The agent reconnects by itself; try again in a moment.',
      { cause: error },
    );
  if (error instanceof CallTimeoutError)
    return isOfDaemon(error)
      ? new ProblemError('host-offline', 'libvirt hangs: it did not answer in time.', { cause: error })
      : new ProblemError('timed-out', 'libvirt did not answer in time.', { cause: error });
  if (!(error instanceof LibvirtError)) return error;
  const code =
    byMessage.find(([number, pattern]) => number === error.code && pattern.test(error.message))?.[2] ??
    byCode[error.code] ??
    'host-rejected';
  const said = foreignText(error.message);
  const more = advice[code];
  return new ProblemError(
    code,
    more === undefined ? `libvirt: ${said}` : `libvirt: ${said.replace(/\.$/, '')}.${more}`,
    {
      cause: error,
    },
  );
}
