/**
 * What travels on the console subjects: one frame a message. Its first byte says which, the rest is its body.
 *
 * `data` is what the VM or the viewer said. `credit` is a 32-bit number, big-endian: whoever sends it has passed so many
 * bytes on and may be sent so many more. `end` is a sentence, after which nothing comes. `alive` has no body.
 */
export const frameKinds = { data: 0, credit: 1, end: 2, alive: 3 } as const;

/** Bytes of data that each side may send before it gets its first credit. */
export const initialCreditBytes = 512 * 1_024;
/** Longest body of a data frame, in bytes. */
export const longestDataBytes = 64 * 1_024;
/** Each side says so often that it is there, and ends the session when the other has said nothing for so long. */
export const aliveEveryMs = 15_000;
export const silentAfterMs = 45_000;

export type ConsoleFrame =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'credit'; readonly count: number }
  | { readonly kind: 'end'; readonly reason: string }
  | { readonly kind: 'alive' };

export function encodeFrame(frame: ConsoleFrame): Uint8Array {
  const body = bodyOf(frame);
  const message = new Uint8Array(1 + body.length);
  message[0] = frameKinds[frame.kind];
  message.set(body, 1);
  return message;
}

/** Undefined for what is no frame. */
export function decodeFrame(message: Uint8Array): ConsoleFrame | undefined {
  const body = message.subarray(1);
  switch (message[0]) {
    case frameKinds.data:
      return { kind: 'data', bytes: body };
    case frameKinds.credit:
      return body.length === 4 ? { kind: 'credit', count: Buffer.from(body).readUInt32BE(0) } : undefined;
    case frameKinds.end:
      return { kind: 'end', reason: new TextDecoder().decode(body) };
    case frameKinds.alive:
      return { kind: 'alive' };
    default:
      return undefined;
  }
}

function bodyOf(frame: ConsoleFrame): Uint8Array {
  switch (frame.kind) {
    case 'data':
      return frame.bytes;
    case 'credit': {
      const body = Buffer.alloc(4);
      body.writeUInt32BE(frame.count);
      return body;
    }
    case 'end':
      return new TextEncoder().encode(frame.reason);
    case 'alive':
      return new Uint8Array();
  }
}
