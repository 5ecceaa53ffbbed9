import { ErrorCode, errorCodeName, errorDomainName } from './error-codes.ts';

/** The error record of a reply, as the daemon sent it. */
export interface ErrorRecord {
  /** One of {@link ErrorCode}; newer daemons may send numbers that are not listed there. */
  code: number;
  /** The part of libvirt that raised it, one of `ErrorOrigin`. */
  domain: number;
  message: string | null;
  /** 1 warning, 2 error. */
  level: number;
  dom: { name: string; uuid: string; id: number } | null;
  str1: string | null;
  str2: string | null;
  str3: string | null;
  int1: number;
  int2: number;
  net: { name: string; uuid: string } | null;
}

/** The daemon answered a call, or ended a stream, with an error. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError';
  readonly code: number;
  readonly domain: number;
  readonly level: number;
  /** Format of the message. */
  readonly str1: string | null;
  /** Detail of the message. */
  readonly str2: string | null;
  readonly str3: string | null;
  /** Carries errno for some system errors, else usually -1. */
  readonly int1: number;
  readonly int2: number;
  /** The procedure that was called: `domainLookupByName`. */
  readonly procedure: string;

  constructor(record: ErrorRecord, procedure: string) {
    super(record.message ?? `libvirt error ${record.code}`);
    this.code = record.code;
    this.domain = record.domain;
    this.level = record.level;
    this.str1 = record.str1;
    this.str2 = record.str2;
    this.str3 = record.str3;
    this.int1 = record.int1;
    this.int2 = record.int2;
    this.procedure = procedure;
  }

  /** `NO_DOMAIN` for code 42; undefined for a code this version does not know. */
  get codeName(): string | undefined {
    return errorCodeName(this.code);
  }

  /** `QEMU` for domain 10; undefined for a domain this version does not know. */
  get domainName(): string | undefined {
    return errorDomainName(this.domain);
  }
}

/**
 * The connection ended before the reply came. When `sent` is true the daemon may or may not have done the work:
 * read the state back before trying again.
 */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
  /** False when the call never left this process, so that nothing can have happened. */
  readonly sent: boolean;
  readonly procedure: string | undefined;

  constructor(message: string, options: { sent: boolean; procedure?: string; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.sent = options.sent;
    this.procedure = options.procedure;
  }
}

/** No reply within the time the caller allowed. libvirt cannot cancel a call: if `sent`, the daemon still works on it. */
export class CallTimeoutError extends Error {
  override readonly name = 'CallTimeoutError';
  readonly procedure: string;
  readonly timeoutMs: number;
  /** False when the call was still queued in this process, so that nothing can have happened. */
  readonly sent: boolean;

  constructor(procedure: string, timeoutMs: number, sent: boolean) {
    super(`${procedure} had no reply within ${timeoutMs} ms${sent ? '' : ' (it was still queued)'}`);
    this.procedure = procedure;
    this.timeoutMs = timeoutMs;
    this.sent = sent;
  }
}

/** The daemon could not be reached, or refused the connection, the certificate or the log-in. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
}

/** The peer broke the wire format. The connection is closed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

const NOT_FOUND: ReadonlySet<number> = new Set([
  ErrorCode.NO_DOMAIN,
  ErrorCode.NO_NETWORK,
  ErrorCode.NO_STORAGE_POOL,
  ErrorCode.NO_STORAGE_VOL,
  ErrorCode.NO_NODE_DEVICE,
  ErrorCode.NO_INTERFACE,
  ErrorCode.NO_NWFILTER,
  ErrorCode.NO_SECRET,
  ErrorCode.NO_DOMAIN_SNAPSHOT,
  ErrorCode.NO_DOMAIN_METADATA,
  ErrorCode.DEVICE_MISSING,
  ErrorCode.NO_NWFILTER_BINDING,
  ErrorCode.NO_DOMAIN_CHECKPOINT,
  ErrorCode.NO_DOMAIN_BACKUP,
  ErrorCode.NO_NETWORK_PORT,
  ErrorCode.NO_HOSTNAME,
  ErrorCode.NO_NETWORK_METADATA,
]);
const ALREADY_EXISTS: ReadonlySet<number> = new Set([
  ErrorCode.STORAGE_VOL_EXIST,
  ErrorCode.DOM_EXIST,
  ErrorCode.NETWORK_EXIST,
  ErrorCode.NETWORK_PORT_EXIST,
]);
const UNSUPPORTED: ReadonlySet<number> = new Set([
  ErrorCode.NO_SUPPORT,
  ErrorCode.ARGUMENT_UNSUPPORTED,
  ErrorCode.OPERATION_UNSUPPORTED,
  ErrorCode.CONFIG_UNSUPPORTED,
]);
const BUSY: ReadonlySet<number> = new Set([
  ErrorCode.OPERATION_TIMEOUT,
  ErrorCode.RESOURCE_BUSY,
  ErrorCode.BLOCK_COPY_ACTIVE,
]);
const AGENT_UNAVAILABLE: ReadonlySet<number> = new Set([
  ErrorCode.AGENT_UNRESPONSIVE,
  ErrorCode.AGENT_UNSYNCED,
  ErrorCode.AGENT_COMMAND_TIMEOUT,
]);
const DENIED: ReadonlySet<number> = new Set([
  ErrorCode.OPERATION_DENIED,
  ErrorCode.AUTH_FAILED,
  ErrorCode.AUTH_CANCELLED,
  ErrorCode.ACCESS_DENIED,
  ErrorCode.AUTH_UNAVAILABLE,
]);

/** The object, or the part of it that was asked for, does not exist. */
export function isNotFound(error: unknown): error is LibvirtError {
  return error instanceof LibvirtError && NOT_FOUND.has(error.code);
}

/**
 * An object of that name or UUID exists already. For domains, networks and pools this has no code of its own but is one
 * of many failed operations, so that their English text decides: look before you define where the daemon is translated.
 */
export function isAlreadyExists(error: unknown): error is LibvirtError {
  if (!(error instanceof LibvirtError)) return false;
  if (ALREADY_EXISTS.has(error.code)) return true;
  return error.code === ErrorCode.OPERATION_FAILED && /already (?:exists|defined)/.test(error.message);
}

/** The object is in a state that does not allow the operation: already running, not running, transient. */
export function isWrongState(error: unknown): error is LibvirtError {
  return error instanceof LibvirtError && error.code === ErrorCode.OPERATION_INVALID;
}

/** The daemon, its driver or this configuration cannot do that; trying again does not help. */
export function isUnsupported(error: unknown): error is LibvirtError {
  return error instanceof LibvirtError && (UNSUPPORTED.has(error.code) || isUnknownProcedure(error));
}

/** The daemon is older than the procedure. */
export function isUnknownProcedure(error: unknown): error is LibvirtError {
  return error instanceof LibvirtError && error.code === ErrorCode.RPC && error.message.includes('unknown procedure');
}

/** Another operation holds the object; trying again later can help. */
export function isBusy(error: unknown): error is LibvirtError {
  return error instanceof LibvirtError && BUSY.has(error.code);
}

/** The guest agent does not answer. */
export function isAgentUnavailable(error: unknown): error is LibvirtError {
  return error instanceof LibvirtError && AGENT_UNAVAILABLE.has(error.code);
}

/** The connection is read-only, or the caller may not do that. */
export function isDenied(error: unknown): error is LibvirtError {
  return error instanceof LibvirtError && DENIED.has(error.code);
}
