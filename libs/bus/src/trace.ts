import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

/** A place in a trace, as W3C Trace Context has it. */
export interface TraceContext {
  /** 32 hex digits: the whole trace. */
  readonly traceId: string;
  /** 16 hex digits: this part of it. */
  readonly spanId: string;
  /** Two hex digits. */
  readonly flags: string;
}

export const traceHeader = 'traceparent';

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const storage = new AsyncLocalStorage<TraceContext>();

/** The trace that the caller runs in. */
export const currentTrace = (): TraceContext | undefined => storage.getStore();

/** Runs in a new part of the given trace; without one, or with one that is not valid, in a new trace. */
export function runInTrace<Result>(traceparent: string | undefined, run: () => Result): Result {
  const parent = parseTraceparent(traceparent);
  const context = parent
    ? { ...parent, spanId: randomBytes(8).toString('hex') }
    : { traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex'), flags: '01' };
  return storage.run(context, run);
}

/** `00-<trace>-<span>-<flags>` of the trace that the caller runs in. */
export function traceparent(): string | undefined {
  const context = currentTrace();
  return context && `00-${context.traceId}-${context.spanId}-${context.flags}`;
}

function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const [, version, traceId, spanId, flags] = pattern.exec(text ?? '') ?? [];
  if (!traceId || !spanId || !flags || version === 'ff' || /^0+$/.test(traceId) || /^0+$/.test(spanId))
    return undefined;
  return { traceId, spanId, flags };
}
