import { Logger } from '@nestjs/common';
import { JetStreamApiError, type StoredMsg } from '@nats-io/jetstream';
import { buckets, type HostId } from '@polyvirt/contracts';
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Bus } from './connection.ts';
import { operationHeader } from './deleted-keys.ts';
import { isMissing, isPassing } from './faults.ts';
import { KeyIndex, Keys } from './key-index.ts';
import { readOrdered, type OrderedItem } from './ordered.ts';
import { store, type PublishOptions } from './publish.ts';
import { backoffMs, pause } from './retry.ts';
import { served } from './served.ts';
import { bucketStream, bucketSubject } from './bucket-names.ts';
import { decodeJson, echoes, encodeJson } from './wire.ts';

const log = new Logger('Bus');
const notWritten = 'it was not written by a service';
const isDeletion = ({ header }: StoredMsg): boolean => header.has(operationHeader);

/** Error codes of JetStream for a write that expected another revision. */
const wrongRevision = [10_071, 10_164];
/** Reads of `entries` that are under way at the same time. */
const parallelReads = 64;

export interface Entry<Value> {
  readonly key: string;
  readonly value: Value;
  /** Grows with every write to the bucket. */
  readonly revision: number;
  readonly writtenAt: Date;
}

export type WrittenChange<Value> =
  | ({ readonly type: 'put' } & Entry<Value>)
  | { readonly type: 'delete'; readonly key: string; readonly revision: number };

export type BucketChange<Value> =
  | WrittenChange<Value>
  /** What has come so far is all there was when watching began. Comes up again after a lost connection was mended. */
  | { readonly type: 'caught-up' };

/** Somebody else wrote the key first, or made it, or deleted it. */
export class RevisionConflictError extends Error {
  override readonly name = 'RevisionConflictError';
  readonly key: string;

  constructor(key: string, cause: unknown) {
    super(`key ${key} has another revision`, { cause });
    this.key = key;
  }
}

export interface BucketOptions<Value> {
  /** Whose keys alone are read and written, by its one agent. Their names are noted beside, as an agent may not ask for them. */
  readonly host?: HostId;
  /** Values that `entries` need not find again; for a bucket of one host. */
  readonly isListed?: (value: Value) => boolean;
}

/** A bucket of values of one kind. It is made by `ensureTopology`. */
export const openBucket = <Schema extends z.ZodType>(
  bus: Bus,
  { name }: { readonly name: string },
  schema: Schema,
  options: BucketOptions<z.output<Schema>> = {},
): Bucket<z.output<Schema>> => new Bucket(bus, name, schema as unknown as z.ZodType<z.output<Schema>>, options);

/** Writes are tried until the server has them, the signal aborts, or they cannot succeed. */
export class Bucket<Value> {
  readonly name: string;
  readonly #bus: Bus;
  readonly #schema: z.ZodType<Value>;
  readonly #index: KeyIndex | undefined;
  readonly #isListed: (value: Value) => boolean;

  constructor(bus: Bus, name: string, schema: z.ZodType<Value>, { host, isListed }: BucketOptions<Value> = {}) {
    this.name = name;
    this.#bus = bus;
    this.#schema = schema;
    this.#index = host === undefined ? undefined : new KeyIndex(new Bucket(bus, buckets.index.name, Keys), host, name);
    this.#isListed = isListed ?? (() => true);
  }

  /** Undefined when there is no such key. Throws when its value is not valid. */
  async get(key: string, signal?: AbortSignal): Promise<Entry<Value> | undefined> {
    const stored = await this.#last(key, signal);
    return stored && !isDeletion(stored) ? this.#decode(key, stored) : undefined;
  }

  /**
   * What was written to the key last, as the stream's leader has it and never from a replica that may be behind; undefined when
   * nothing ever was. Throws when the value is not valid. Needs the credential of the gateway.
   */
  async latest(key: string, signal?: AbortSignal): Promise<WrittenChange<Value> | undefined> {
    const query = { last_by_subj: bucketSubject(this.name, key) };
    const stored = await this.#served(signal, () =>
      this.#bus.manager.streams.getMessage(bucketStream(this.name), query),
    );
    if (!stored) return undefined;
    if (isDeletion(stored)) return { type: 'delete', key, revision: stored.seq };
    if (echoes(stored.header) > 0) throw new Error(notWritten);
    return { type: 'put', key, value: this.#parse(stored.data), revision: stored.seq, writtenAt: stored.time };
  }

  /**
   * Everything under a key with wildcards; in a bucket of one host, all that is listed of it. Values that are not valid are
   * left out, with a line in the log.
   */
  async entries(filter: string, signal?: AbortSignal): Promise<Entry<Value>[]> {
    const index = this.#index;
    const keys = index ? await index.keys(signal) : await this.#keys(filter, signal);
    const found: Entry<Value>[] = [];
    const readNext = async () => {
      for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
        const stored = await this.#last(key, signal);
        if (!stored) continue;
        const entry = isDeletion(stored) ? undefined : this.#take(key, () => this.#decode(key!, stored));
        if (entry) found.push(entry);
        // Told before it had been taken off the list, or noted by a version that had none.
        if (isDeletion(stored) || (entry && !this.#isListed(entry.value))) index?.remove(key);
      }
    };
    await Promise.all(Array.from({ length: parallelReads }, readNext));
    return found.sort((one, other) => one.revision - other.revision);
  }

  /** Writes whatever was there before. Returns the revision. */
  put(key: string, value: Value, options: PublishOptions = {}): Promise<number> {
    return this.#listed(key, value, () => this.#write(key, encodeJson(value), undefined, options));
  }

  /** Writes if the key still has that revision, else throws a `RevisionConflictError`. Returns the new revision. */
  update(key: string, value: Value, revision: number, options: PublishOptions = {}): Promise<number> {
    return this.#listed(key, value, () => this.#write(key, encodeJson(value), revision, options));
  }

  /** Makes a key that does not exist or was deleted, else throws a `RevisionConflictError`. Of several, one succeeds. */
  async create(key: string, value: Value, options: PublishOptions = {}): Promise<number> {
    const data = encodeJson(value);
    try {
      return await this.#listed(key, value, () => this.#write(key, data, 0, options));
    } catch (error) {
      if (!(error instanceof RevisionConflictError)) throw error;
      const stored = await this.#last(key, options.signal);
      if (!stored || !isDeletion(stored)) throw error;
      return this.#write(key, data, stored.seq, options);
    }
  }

  /**
   * A key that is gone already is no error. With a revision, deletes only if the key still has it. Returns the revision of
   * the deletion.
   */
  async delete(key: string, { revision, ...options }: PublishOptions & { revision?: number } = {}): Promise<number> {
    const deletion = await this.#write(key, new Uint8Array(), revision, options, { [operationHeader]: 'DEL' });
    this.#index?.remove(key);
    return deletion;
  }

  /**
   * Present values, then every change, until the signal aborts. After a lost connection or a restart of the server it
   * looks again and tells only what has changed. Needs the right to make consumers, which agents do not have.
   */
  async *watch(filter: string, signal: AbortSignal): AsyncGenerator<BucketChange<Value>, void> {
    const known = new Map<string, number>();
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        await this.#bus.whenConnected(signal);
        const { state } = await this.#bus.whileConnected(this.#bus.manager.streams.info(bucketStream(this.name)));
        // Lower than what was seen: the bucket was lost and begun anew, and its revisions say nothing about the old ones.
        if ([...known.values()].some((revision) => revision > state.last_seq)) {
          for (const key of known.keys()) known.set(key, 0);
        }
        const seen = new Set<string>();
        let caughtUp = false;
        for await (const item of this.#look(filter, signal)) {
          if (item === 'caught-up') {
            for (const [key, revision] of known) {
              if (seen.has(key)) continue;
              known.delete(key);
              yield { type: 'delete', key, revision };
            }
            failures = 0;
            caughtUp = true;
            yield { type: 'caught-up' };
            continue;
          }
          const key = item.subject.slice(bucketSubject(this.name, '').length);
          if (!caughtUp) seen.add(key);
          const change = this.#changeOf(key, item, known);
          if (change) yield change;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!isMissing(error)) log.warn(`Watching ${this.name} begins again: ${(error as Error).message}`);
      }
      await pause(backoffMs(failures + 1, { maxDelayMs: 1_000 }), signal).catch(() => {});
    }
  }

  #look(filter: string, signal: AbortSignal): AsyncGenerator<OrderedItem, void> {
    const subject = bucketSubject(this.name, filter);
    return readOrdered(this.#bus, {
      stream: bucketStream(this.name),
      filter: subject,
      start: 'last-per-subject',
      signal,
    });
  }

  #changeOf(
    key: string,
    message: Exclude<OrderedItem, string>,
    known: Map<string, number>,
  ): BucketChange<Value> | undefined {
    const revision = message.seq;
    const previous = known.get(key);
    if (previous !== undefined && revision <= previous) return undefined;
    if (message.headers?.get(operationHeader)) {
      // A deletion of what was never told is nothing to tell.
      return known.delete(key) ? { type: 'delete', key, revision } : undefined;
    }
    return this.#take(key, () => {
      if (echoes(message.headers) > 0) throw new Error(notWritten);
      const value = this.#parse(message.data);
      known.set(key, revision);
      return { type: 'put', key, value, revision, writtenAt: message.time };
    });
  }

  async #keys(filter: string, signal: AbortSignal | undefined): Promise<string[]> {
    const { state } = await this.#served(signal, () =>
      this.#bus.manager.streams.info(bucketStream(this.name), { subjects_filter: bucketSubject(this.name, filter) }),
    );
    const prefix = bucketSubject(this.name, '');
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(prefix.length));
  }

  /** The name is on its way to the bus before the value is, so that whoever dies in between leaves a name too many. */
  async #listed(key: string, value: Value, write: () => Promise<number>): Promise<number> {
    const index = this.#index;
    if (!index) return write();
    if (!this.#isListed(value)) {
      const revision = await write();
      index.remove(key);
      return revision;
    }
    const added = index.add(key);
    if (!index.isOnItsWay(key)) await added;
    const [revision] = await Promise.all([write(), added]);
    return revision;
  }

  /** What was written to the key last, a deletion as well. */
  #last(key: string, signal: AbortSignal | undefined): Promise<StoredMsg | null> {
    const query = { last_by_subj: bucketSubject(this.name, key) };
    return this.#served(signal, () => this.#bus.manager.direct.getMessage(bucketStream(this.name), query));
  }

  #decode(key: string, { data, header, seq, time }: StoredMsg): Entry<Value> {
    // The server has marked this answer itself; a second mark was there before.
    if (echoes(header) > 1) throw new Error(notWritten);
    return { key, value: this.#parse(data), revision: seq, writtenAt: time };
  }

  #parse(data: Uint8Array): Value {
    return this.#schema.parse(decodeJson(data));
  }

  #take<Result>(key: string, take: () => Result): Result | undefined {
    try {
      return take();
    } catch (error) {
      log.error(`Passed over key ${key} of ${this.name}: ${(error as Error).message}`);
      return undefined;
    }
  }

  async #write(
    key: string,
    data: Uint8Array,
    revision: number | undefined,
    options: PublishOptions,
    headers?: Record<string, string>,
  ): Promise<number> {
    try {
      const { sequence } = await store(this.#bus, bucketSubject(this.name, key), data, {
        signal: options.signal,
        // A write whose answer was lost is repeated under its id, and then answered as it was, not as a conflict.
        messageId: randomUUID(),
        ...(headers && { headers }),
        ...(revision !== undefined && { expect: { lastSubjectSequence: revision } }),
      });
      return sequence;
    } catch (error) {
      if (error instanceof JetStreamApiError && wrongRevision.includes(error.code)) {
        throw new RevisionConflictError(key, error);
      }
      throw error;
    }
  }

  #served<Result>(signal: AbortSignal | undefined, read: () => Promise<Result>): Promise<Result> {
    return served(this.#bus, read, {
      signal,
      retryable: (error) => isPassing(error) || isMissing(error),
      what: `reading ${this.name}`,
    });
  }
}
