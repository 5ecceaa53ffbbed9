import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { Connections } from './tls.ts';

export interface Message {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** One request and the whole answer. Throws the signal's reason when that aborts, else what the connection says. */
export async function exchange(
  connections: Connections,
  url: URL,
  { method, headers, body }: Message,
  signal: AbortSignal,
): Promise<Reply> {
  signal.throwIfAborted();
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const sent = request(url, { agent: connections, method, headers: { ...headers, ...length }, signal });
  try {
    return await new Promise<Reply>((resolve, reject) => {
      sent.on('error', reject);
      sent.once('socket', (socket) => {
        connections.trusted(socket).then(
          () => sent.end(body),
          (error: Error) => sent.destroy(error),
        );
      });
      sent.once('response', (response) => {
        text(response).then(
          (all) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: all }),
          reject,
        );
      });
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
