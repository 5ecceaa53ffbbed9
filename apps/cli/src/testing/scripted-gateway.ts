import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a request is answered; undefined: as by a gateway that has one of everything, called `nothing`. */
export type Script = (route: string) => Reply | undefined;

export interface Reply {
  readonly status: number;
  readonly body: object;
}

/** A request to which there is never an answer. */
export const silence: Reply = { status: 0, body: {} };

export const problem = (status: number, code: string): Reply => ({
  status,
  body: { type: 'about:blank', title: code, status, code, detail: `It is ${code}.`, retryable: false, requestId: 'r' },
});

/** A gateway as a command sees it, scripted for each of many processes that run side by side. */
export class ScriptedGateway {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #scenes: { readonly script: Script; silent: () => void }[] = [];

  static async start(): Promise<ScriptedGateway> {
    const gateway = new ScriptedGateway();
    gateway.#server.listen(0, '127.0.0.1');
    await once(gateway.#server, 'listening');
    return gateway;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** The address at which the script is played; `silent` resolves when a request came that is never answered. */
  play(script: Script): { url: string; silent: Promise<void> } {
    const { port } = this.#server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/${this.#scenes.length}`;
    return { url, silent: new Promise((resolve) => this.#scenes.push({ script, silent: resolve })) };
  }

  #answer({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
    const [, scene, path] = /^\/(\d+)([^?]*)/.exec(url)!;
    const { script, silent } = this.#scenes[Number(scene)]!;
    const reply = script(`${method} ${path}`) ?? ordinary(`${method} ${path}`);
    if (reply === silence) return silent();
    const kind = reply.status >= 400 ? 'application/problem+json' : 'application/json';
    response.writeHead(reply.status, { 'content-type': kind }).end(JSON.stringify(reply.body));
  }
}

const at = '2026-11-30T08:00:00Z';
const one = { id: 'h~1', username: 'nothing', name: 'nothing', host: 'h', hypervisor: 'kvm', state: 'running' };
const vm = { ...one, cpus: 1, memoryMiB: 1, disks: [], nics: [], labels: {}, createdAt: at };

function ordinary(route: string): Reply {
  const path = route.replace(/^\w+ \/api\/v1\//, '');
  if (path === 'auth/login') return { status: 200, body: { accessToken: 'a', refreshToken: 'r', expiresIn: 900 } };
  if (path === 'auth/me') return { status: 200, body: { user: { username: 'ada' }, permissions: ['vm:read'] } };
  if (path === 'auth/logout') return { status: 200, body: {} };
  if (path === 'vms') return { status: 200, body: { items: [vm, { ...vm, id: 'h~2', name: 'another' }] } };
  return { status: 200, body: { items: [one] } };
}

/** Whether a request is one to such a route of the OpenAPI document. */
export const isTo = (route: string, template: string): boolean => {
  const [asked, declared] = [route.split('/'), template.split('/')];
  // A path within an archive has slashes of its own.
  const ends = declared.at(-1) === '{path}' ? asked.length >= declared.length : asked.length === declared.length;
  return ends && declared.every((part, index) => part.startsWith('{') || part === asked[index]);
};
