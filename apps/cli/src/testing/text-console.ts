import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

/** A gateway with one VM, `guest`, whose text console says `login: ` and repeats what is typed. */
export class TextConsole {
  /** What the guest has been sent. */
  typed = '';
  #client: WebSocket | undefined;
  readonly #server = createServer();
  readonly #sockets = new WebSocketServer({ noServer: true });

  static async start(): Promise<TextConsole> {
    const gateway = new TextConsole();
    gateway.#server.listen(0, '127.0.0.1');
    await once(gateway.#server, 'listening');
    return gateway;
  }

  private constructor() {
    this.#server.on('request', ({ method }, reply) => {
      const vm = { id: 'text~guest', name: 'guest', host: 'text' };
      reply.setHeader('content-type', 'application/json');
      reply.end(JSON.stringify(method === 'GET' ? { items: [vm] } : { url: '/console?ticket=t', protocol: 'text' }));
    });
    this.#server.on('upgrade', (request, socket, head) => {
      // What the guest says first comes with the answer to the request, in one piece.
      socket.cork();
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        client.on('message', (data: Buffer) => {
          this.typed += data.toString();
          client.send(data);
        });
        client.send(Buffer.from('login: '));
        this.#client = client;
        process.nextTick(() => socket.uncork());
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends the console that was opened last. */
  end(code: number, reason: string): void {
    this.#client?.close(code, reason);
  }

  stop(): void {
    for (const client of this.#sockets.clients) client.terminate();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
