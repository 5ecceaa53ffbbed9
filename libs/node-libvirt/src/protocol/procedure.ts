import type { DecodedFields, EncodableFields, Fields } from './schema.ts';

/**
 * How a procedure behaves in the daemon, which decides its connection, its place in the queue and its default timeout:
 * `quick` answers from the daemon's memory (its priority workers run it even when all others are stuck); `slow` may
 * wait for a domain's job, for at most 30 s; `long` may start or ask QEMU; `unbounded` takes as long as its data.
 */
export type Pace = 'quick' | 'slow' | 'long' | 'unbounded';

/** Which way the data of a stream flows, seen from the client. */
export type StreamDirection = 'upload' | 'download' | 'duplex';

export interface Procedure<Args extends Fields = Fields, Ret extends Fields = Fields> {
  readonly number: number;
  readonly args: Args;
  readonly ret: Ret;
  readonly pace: Pace;
}

export interface StreamProcedure<Args extends Fields = Fields, Ret extends Fields = Fields> extends Procedure<
  Args,
  Ret
> {
  readonly direction: StreamDirection;
}

/** Arguments of a procedure as callers give them. */
export type ArgsOf<P extends Procedure> = EncodableFields<P['args']>;

/** What a procedure resolves to: its decoded reply, or nothing when the reply is empty. */
export type ResultOf<P extends Procedure> = keyof P['ret'] extends never ? void : DecodedFields<P['ret']>;

type NoFields = Record<never, string>;

function declare(pace: Pace) {
  return <const Args extends Fields, const Ret extends Fields = NoFields>(
    number: number,
    args: Args,
    ret: Ret = {} as Ret,
  ): Procedure<Args, Ret> => ({ number, args, ret, pace });
}

export const quick = declare('quick');
export const slow = declare('slow');
export const long = declare('long');
export const unbounded = declare('unbounded');

export function stream<const Args extends Fields, const Ret extends Fields = NoFields>(
  direction: StreamDirection,
  number: number,
  args: Args,
  ret: Ret = {} as Ret,
): StreamProcedure<Args, Ret> {
  return { number, args, ret, pace: 'long', direction };
}
