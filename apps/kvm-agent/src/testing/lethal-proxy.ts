import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { procedures, Program } from '@polyvirt/node-libvirt';

const CALL = 0;
const REPLY = 1;
const HEADER_BYTES = 28;
const names = new Map(Object.entries(procedures).map(([name, { number }]) => [number, name]));
/** What leaves something behind when it is cut off in the middle. */
const changes = /^(domain|storage|network).*(Define|Create|Destroy|Undefine|Delete|Update|Resize|Refresh|Build)/;

export interface LethalProxyOptions {
  /** Where it listens. */
  readonly path: string;
  /** Where libvirt does. */
  readonly target: string;
  /** Before a change is passed on, or when it is done and its answer is not. */
  readonly moment: 'before' | 'after';
  /** Kills libvirtd and starts it again. */
  readonly kill: () => Promise<void>;
}

/** Stands before libvirtd, which it kills once at each kind of change of an operation. */
export class LethalProxy {
  /** Names of the changes at which it was killed. */
  readonly struck: string[] = [];
  readonly #struckNow = new Set<string>();
  readonly path: string;
  readonly #options: LethalProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #killing: Promise<void> = Promise.resolve();

  private constructor(options: LethalProxyOptions) {
    this.#options = options;
    this.path = options.path;
    this.#server = createServer((client) => this.#serve(client));
  }

  static async open(options: LethalProxyOptions): Promise<LethalProxy> {
    const proxy = new LethalProxy(options);
    proxy.#server.listen(options.path);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Another operation begins. */
  next(): void {
    this.#struckNow.clear();
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await this.#killing;
    await rm(this.#options.path, { force: true });
  }

  #serve(client: Socket): void {
    const daemon = connect(this.#options.target);
    const hangUp = () => {
      client.destroy();
      daemon.destroy();
    };
    for (const socket of [client, daemon]) {
      this.#sockets.add(socket);
      socket.on('error', hangUp).on('close', () => {
        this.#sockets.delete(socket);
        hangUp();
      });
    }
    let awaited: number | undefined;
    packetsOf(client, (packet) => {
      const name = changeIn(packet);
      if (name === undefined || this.#struckNow.has(name)) return void daemon.write(packet);
      this.#struckNow.add(name);
      this.struck.push(name);
      if (this.#options.moment === 'before') return this.#strike();
      awaited = packet.readUInt32BE(20);
      daemon.write(packet);
    });
    packetsOf(daemon, (packet) => {
      const isDone = packet.readUInt32BE(16) === REPLY && packet.readUInt32BE(20) === awaited;
      if (isDone) this.#strike();
      else client.write(packet);
    });
  }

  /** One after the other: each has a libvirtd that lives. */
  #strike(): void {
    this.#killing = this.#killing.then(this.#options.kill);
  }
}

function changeIn(packet: Buffer): string | undefined {
  if (packet.readUInt32BE(4) !== Program.REMOTE || packet.readUInt32BE(16) !== CALL) return undefined;
  const name = names.get(packet.readUInt32BE(12));
  return name !== undefined && changes.test(name) ? name : undefined;
}

/** Cuts what comes into packets: each begins with its length. */
function packetsOf(socket: Socket, take: (packet: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_BYTES && rest.length >= rest.readUInt32BE(0)) {
      const length = rest.readUInt32BE(0);
      take(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  });
}
