import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A gateway that has one file for whatever upload it is asked for, as far as agents fetch it. */
export class UploadServer {
  /** Any will do. */
  readonly upload = 'u'.repeat(24);
  readonly #server: Server;

  private constructor(content: Buffer) {
    this.#server = createServer(({ headers }, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
      if (from > 0) response.statusCode = 206;
      response.setHeader('etag', '"the one"').setHeader('content-length', content.length - from);
      response.setHeader('content-range', `bytes ${from}-${content.length - 1}/${content.length}`);
      response.end(content.subarray(from));
    });
  }

  static async start(content: Buffer): Promise<UploadServer> {
    const server = new UploadServer(content);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  /** What agents are told that the gateway is. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.closeAllConnections();
    this.#server.close();
    await closed;
  }
}
