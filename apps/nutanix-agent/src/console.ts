import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { foreignText, ProblemError, type NativeId } from '@polyvirt/contracts';
import { allow, type ConsoleFacet } from '@polyvirt/hypervisor';
import { createWebSocketStream, WebSocket } from 'ws';
import { objectAt, objectsAt, textAt, type JsonObject } from './client/json.ts';
import { until } from './client/patience.ts';
import { isNotFound, type PrismClient } from './client/prism-client.ts';
import { stateOf } from './vm/vm-reader.ts';
import type { Vms } from './vm/vms.ts';

/** The first release of the API that gives console tokens. */
const VMM = '/api/vmm/v4.2/ahv/config/vms';
const TASKS = '/api/prism/v4.0/config/tasks';
const TICKET_WITHIN_MS = 15_000;

/** The screen of a VM: RFB over a WebSocket of Prism, by a one-time token where this release gives them. */
export class PrismConsole implements ConsoleFacet {
  readonly #client: PrismClient;
  readonly #vms: Vms;

  constructor(client: PrismClient, vms: Vms) {
    this.#client = client;
    this.#vms = vms;
  }

  async graphic(nativeId: NativeId, signal: AbortSignal): Promise<Duplex> {
    allow('console', stateOf(await this.#vms.demand(nativeId, signal)));
    const path = (await this.#ticket(nativeId, signal)) ?? `/vnc/vm/${nativeId}/proxy`;
    return this.#connect(path, signal);
  }

  /** Path with its token; undefined on releases that have none. */
  async #ticket(nativeId: NativeId, signal: AbortSignal): Promise<string | undefined> {
    try {
      const { headers } = await this.#client.call('GET', `${VMM}/${nativeId}`, { signal });
      const etag = headers['etag'];
      const { body } = await this.#client.call('POST', `${VMM}/${nativeId}/$actions/generate-console-token`, {
        headers: { 'ntnx-request-id': randomUUID(), ...(typeof etag === 'string' ? { 'if-match': etag } : {}) },
        signal,
      });
      const task = textAt(objectAt(body, 'data'), 'extId') ?? '';
      const details = await until(() => this.#details(task, signal), signal, TICKET_WITHIN_MS);
      const valueOf = (name: string) =>
        textAt(
          details?.find((detail) => detail['name'] === name),
          'value',
        );
      const [uri, token] = [valueOf('WsUri'), valueOf('VmConsoleToken')];
      if (uri === undefined || token === undefined)
        throw new ProblemError('host-rejected', 'Prism gave no console token. Its tasks say why.');
      return `${uri}?VmConsoleToken=${encodeURIComponent(token)}`;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #details(task: string, signal: AbortSignal): Promise<JsonObject[] | undefined> {
    const { body } = await this.#client.call('GET', `${TASKS}/${encodeURIComponent(task)}`, { signal });
    const data = objectAt(body, 'data');
    const status = textAt(data, 'status') ?? '';
    if (status === 'SUCCEEDED') return objectsAt(data, 'completionDetails');
    if (status === 'QUEUED' || status === 'RUNNING') return undefined;
    throw new ProblemError(
      'host-rejected',
      `Prism gave no console token: ${foreignText(textAt(data, 'legacyErrorMessage') ?? `the task ended as ${status}`)}.`,
    );
  }

  async #connect(path: string, signal: AbortSignal): Promise<Duplex> {
    const { socket, headers } = await this.#client.upgrade(signal);
    const url = new URL(path, this.#client.url);
    url.protocol = 'wss:';
    const webSocket = new WebSocket(url, { headers, origin: this.#client.url.origin, createConnection: () => socket });
    const giveUp = () => webSocket.terminate();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        webSocket.once('open', resolve);
        webSocket.once('unexpected-response', (_request, response) => reject(refused(response.statusCode ?? 0)));
        webSocket.once('error', (error) =>
          reject(
            signal.aborted
              ? (signal.reason as Error)
              : new ProblemError('host-rejected', `The console does not open: ${foreignText(error.message)}`, {
                  cause: error,
                }),
          ),
        );
      });
    } catch (error) {
      webSocket.on('error', () => undefined);
      webSocket.terminate();
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
    // Closed as a whole when Prism closes it, as it does when the VM goes off.
    return createWebSocketStream(webSocket, { allowHalfOpen: false });
  }
}

function refused(status: number): ProblemError {
  if (status === 429)
    return new ProblemError(
      'too-many-requests',
      'The VM has as many open consoles as Prism allows. Close one of them.',
    );
  return new ProblemError(
    'host-rejected',
    `Prism answered ${status} to the console. The user of the agent needs the permission to open consoles.`,
  );
}
