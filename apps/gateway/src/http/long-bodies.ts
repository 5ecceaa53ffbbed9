import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** How long the rest of a body that nobody reads may take. */
const restWithinMs = 60_000;

/** Connections on which a body may take as long as it takes. */
const patient = new WeakSet<Duplex>();

/** Whether a request on this connection may take longer to come than requests do. */
export const mayTakeLong = (socket: Duplex): boolean => patient.has(socket);

/**
 * Has the body of a request take longer than requests may, while somebody works on it who watches that it comes. Afterwards
 * the rest of it, if there is one, is soon cut.
 */
export async function withLongBody<Result>(request: IncomingMessage, work: () => Promise<Result>): Promise<Result> {
  const { socket } = request;
  patient.add(socket);
  try {
    return await work();
  } finally {
    patient.delete(socket);
    // Node looks at the age of a request only once.
    if (!request.readableEnded && !request.destroyed) cutLate(request);
  }
}

function cutLate(request: IncomingMessage): void {
  const timer = setTimeout(() => request.destroy(), restWithinMs).unref();
  for (const event of ['end', 'close'] as const) request.once(event, () => clearTimeout(timer));
}
