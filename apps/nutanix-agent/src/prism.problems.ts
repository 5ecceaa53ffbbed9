import { foreignText, ProblemError, type ProblemCode } from '@polyvirt/contracts';
import {
  PrismCertificateError,
  PrismError,
  PrismTimeoutError,
  PrismUnreachableError,
  TaskFailedError,
} from './client/prism-error.ts';

interface Meaning {
  readonly code: ProblemCode;
  /** What the user can do about it; what Prism said comes first. */
  readonly wayOut: string;
}

const GONE = 'It may have been deleted meanwhile: look again at what is there.';
const missing: Readonly<Record<string, ProblemCode>> = {
  vm: 'vm-not-found',
  vm_recovery_point: 'snapshot-not-found',
  image: 'image-not-found',
  subnet: 'network-not-found',
};

/** By the words of Prism, which tell more than its status; of refusals and of failed tasks alike. */
const bySentence: readonly (readonly [pattern: RegExp, meaning: Meaning])[] = [
  [
    /NoHostResources|RESOURCE_SHORTAGE|not enough|insufficient|no host has|no free IP/i,
    {
      code: 'insufficient-capacity',
      wayOut: 'Free memory, storage or addresses on the cluster, or ask for less.',
    },
  ],
  [
    /quota|NO_POLICY_COMPLIANT_CLUSTER/i,
    { code: 'insufficient-capacity', wayOut: 'Ask the administrator of the project for more.' },
  ],
  [/must be powered off|INVALID_STATE/i, { code: 'wrong-state', wayOut: 'Stop the VM first.' }],
  [
    /guest tools/i,
    { code: 'wrong-state', wayOut: 'Install Nutanix Guest Tools in the guest, or stop the VM with force.' },
  ],
  [/already in use/i, { code: 'host-rejected', wayOut: 'Choose another address.' }],
];

const byReason: Readonly<Record<string, Meaning>> = {
  RESOURCE_SHORTAGE: bySentence[0]![1],
  NO_POLICY_COMPLIANT_CLUSTER: bySentence[1]![1],
  TOO_MANY_REQUESTS: { code: 'too-many-requests', wayOut: 'Try again in a moment.' },
  CONCURRENT_REQUESTS_NOT_ALLOWED: {
    code: 'vm-busy',
    wayOut: 'Another task works on the VM. Wait until it has ended in Prism Central, then try again.',
  },
};

const byStatus: Readonly<Record<number, Meaning>> = {
  401: {
    code: 'host-rejected',
    wayOut: 'Prism refused the user name or the password: check POLYVIRT_PRISM_USERNAME and POLYVIRT_PRISM_PASSWORD.',
  },
  403: { code: 'host-rejected', wayOut: 'Give the user of the agent a role in Prism Central that allows it.' },
  404: {
    code: 'host-rejected',
    wayOut:
      'Prism Central does not know that call. It may be restarting, so try again in a moment; and POLYVIRT_PRISM_ADDRESS has to name a Prism Central.',
  },
  409: byReason['CONCURRENT_REQUESTS_NOT_ALLOWED']!,
  429: byReason['TOO_MANY_REQUESTS']!,
  502: { code: 'host-offline', wayOut: 'Prism Central is overloaded or restarting. Try again in a moment.' },
  503: { code: 'host-offline', wayOut: 'Prism Central is overloaded or restarting. Try again in a moment.' },
  504: { code: 'timed-out', wayOut: 'Prism Central is overloaded. Try again in a moment.' },
};

const otherwise: Meaning = { code: 'host-rejected', wayOut: 'Prism Central has more in its tasks and alerts.' };

/** What escaped from a call to Prism, as a problem. Anything that is not Prism's passes through. */
export function toProblem(error: unknown): unknown {
  if (error instanceof ProblemError) return error;
  if (error instanceof PrismCertificateError)
    return new ProblemError(
      'host-rejected',
      `${stop(error.message)} Name its authority in POLYVIRT_PRISM_CA, or its SHA-256 fingerprint in POLYVIRT_PRISM_FINGERPRINT.`,
      { cause: error },
    );
  if (error instanceof PrismUnreachableError)
    return new ProblemError(
      'host-offline',
      `Prism Central does not answer (${foreignText(error.message)}). The agent tries again by itself; check the address and the network.`,
      { cause: error },
    );
  if (error instanceof PrismTimeoutError || (error instanceof DOMException && error.name === 'TimeoutError'))
    return new ProblemError(
      'timed-out',
      error instanceof PrismTimeoutError
        ? `Prism Central: ${error.message} Try again in a moment.`
        : 'Prism Central did not answer in time. Try again in a moment.',
      { cause: error },
    );
  if (error instanceof TaskFailedError) return ofFailedTask(error);
  if (error instanceof PrismError) return ofRefusal(error);
  return error;
}

function ofFailedTask(error: TaskFailedError): ProblemError {
  const { code, wayOut } = said(error.message) ?? otherwise;
  const what = error.operation === undefined ? 'The task' : `The task ${error.operation}`;
  const how = error.status === 'FAILED' ? 'failed' : `ended as ${error.status}`;
  return new ProblemError(code, `Prism: ${what} ${error.task} ${how}: ${stop(error.message)} ${wayOut}`, {
    cause: error,
  });
}

function ofRefusal(error: PrismError): ProblemError {
  const { status, reason, kind, message, retryAfterSeconds, entity } = error;
  const notThere = status === 404 && entity !== undefined ? missing[kind ?? ''] : undefined;
  if (notThere !== undefined) return new ProblemError(notThere, `Prism: ${stop(message)} ${GONE}`, { cause: error });
  const { code, wayOut } = byReason[reason ?? ''] ?? said(message) ?? byStatus[status] ?? otherwise;
  return new ProblemError(code, `Prism answered ${status}: ${stop(message)} ${wayOut}`, {
    cause: error,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

const said = (message: string): Meaning | undefined => bySentence.find(([pattern]) => pattern.test(message))?.[1];

/** A sentence of Prism, short enough to be read. The client has taken out what it may not quote. */
function stop(said: string): string {
  const sentence = foreignText(said);
  return /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
}
