import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiProblem, type Client, type Operation } from '@polyvirt/api-client';
import type { Acknowledged } from './verdict.ts';

/** Between two looks at an operation, and before something is asked for again. */
const pauseMs = 300;
/** Machines of a host that are left for the end. */
const keptEach = 3;
/** With the same key, a request that is under way is waited for; a bus that is away may have taken nothing. */
const passing = new Set(['unavailable', 'internal', 'vm-busy']);

export interface LoadOptions {
  readonly client: Client;
  readonly hosts: readonly string[];
  /** Begins the names of all machines. */
  readonly prefix: string;
  readonly workersEach: number;
  readonly random: () => number;
}

/**
 * Clients that make machines, turn them on and off and delete them, on every host, and write down what was acknowledged. What has
 * no answer is asked for again with the same key, so that an answer that was lost is none of ours to guess.
 */
export class Load {
  readonly acknowledged: Acknowledged[] = [];
  /** Machines that were deleted by a request whose answer was lost. */
  readonly gone: { host: string; name: string }[] = [];
  /** How often which problem was answered. */
  readonly refused = new Map<string, number>();
  readonly #options: LoadOptions;
  readonly #stopping = new AbortController();
  readonly #workers: Promise<void>[];
  readonly #kept = new Map<string, number>();
  #names = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#workers = options.hosts.flatMap((host) =>
      Array.from({ length: options.workersEach }, () => this.#work(host)),
    );
  }

  /** Begins nothing new; resolves when every client has the end of what it had asked for. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#workers);
  }

  async #work(host: string): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const name = `${this.#options.prefix}${(this.#names += 1)}`;
      await this.#life(host, name);
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #life(host: string, name: string): Promise<void> {
    const { client, random } = this.#options;
    const isOn = random() < 0.5;
    const body = { host, name, memoryMiB: 64, disks: [{ sizeGiB: 1 }], start: isOn };
    const made = await this.#carryOut({ verb: 'vm.create', host, name }, (header) =>
      client.POST('/api/v1/vms', { body, params: { header } }),
    );
    const vmId = made?.status === 'succeeded' ? made.result?.vmId : undefined;
    if (vmId === undefined) return;
    const path = { vmId };
    const stop = () =>
      this.#carryOut({ verb: 'vm.stop', host, name }, (header) =>
        client.POST('/api/v1/vms/{vmId}/stop', { body: { force: true }, params: { path, header } }),
      );
    for (let acts = Math.floor(random() * 4); acts > 0 && !this.#stopping.signal.aborted; acts -= 1) {
      if (random() < 0.5)
        await this.#carryOut({ verb: 'vm.start', host, name }, (header) =>
          client.POST('/api/v1/vms/{vmId}/start', { body: {}, params: { path, header } }),
        );
      else await stop();
    }
    const kept = this.#kept.get(host) ?? 0;
    if (kept < keptEach && random() < 0.2) this.#kept.set(host, kept + 1);
    else {
      await stop();
      await this.#carryOut(
        { verb: 'vm.delete', host, name },
        () => client.DELETE('/api/v1/vms/{vmId}', { params: { path } }),
        () => this.gone.push({ host, name }),
      );
    }
  }

  /**
   * The operation as it ended; undefined when it was refused.
   * @param onGone  told when an answer was lost, and the next one is that the machine is not there
   */
  async #carryOut(
    about: Omit<Acknowledged, 'operationId'>,
    ask: (header: { 'Idempotency-Key': string }) => Promise<{ data: Operation }>,
    onGone?: () => void,
  ): Promise<Operation | undefined> {
    const header = { 'Idempotency-Key': randomUUID() };
    const asked = await this.#answered(async () => (await ask(header)).data, onGone);
    if (!asked) return undefined;
    this.acknowledged.push({ ...about, operationId: asked.id });
    const path = { operationId: asked.id };
    for (;;) {
      const seen = await this.#answered(
        async () => (await this.#options.client.GET('/api/v1/operations/{operationId}', { params: { path } })).data,
      );
      if (!seen || seen.endedAt !== undefined) return seen;
      await delay(pauseMs);
    }
  }

  /** Asks until there is an answer; undefined when that is a refusal which asking again would not change soon. */
  async #answered<Answer>(ask: () => Promise<Answer>, onGone?: () => void): Promise<Answer | undefined> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof ApiProblem) {
          this.refused.set(error.code, (this.refused.get(error.code) ?? 0) + 1);
          if (error.code === 'vm-not-found' && !isFirst) onGone?.();
          if (!passing.has(error.code)) return undefined;
        }
        await delay(pauseMs);
      }
    }
  }
}
