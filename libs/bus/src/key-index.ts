import { Logger } from '@nestjs/common';
import { keys, type HostId } from '@polyvirt/contracts';
import { z } from 'zod';
import type { Bucket } from './bucket.ts';
import { pause } from './retry.ts';
import { unlessAborted } from './unless-aborted.ts';

const log = new Logger('Bus');

/** What the index keeps under one of its own keys. */
export const Keys = z.array(z.string());

/** So that one value stays well below what a message may hold, for a host with some hundred thousand keys. */
export const partsOfIndex = 16;
/** Removals are written with those that follow soon. */
const removeAfterMs = 1_000;
const lookEveryMs = 200;

interface Part {
  readonly key: string;
  readonly keys: Set<string>;
  /** Counts changes: of the set, of what is on its way to the bus, and of what the bus has. */
  version: number;
  sent: number;
  saved: number;
  writing: Promise<void> | undefined;
  removing: NodeJS.Timeout | undefined;
}

export const indexKey = (host: HostId, bucket: string, part: number) => keys.index(host, `${bucket}-${part}`);

/** In which part a key is noted. */
export function partOf(key: string): number {
  let hash = 0;
  for (let at = 0; at < key.length; at += 1) hash = (hash * 31 + key.charCodeAt(at)) >>> 0;
  return hash % partsOfIndex;
}

/** The names of the keys that a host has in a bucket, or more: a name may outlive its key. Only one agent writes them. */
export class KeyIndex {
  readonly #bucket: Bucket<string[]>;
  readonly #host: HostId;
  readonly #name: string;
  #parts: Part[] | undefined;
  #loading: Promise<Part[]> | undefined;

  constructor(bucket: Bucket<string[]>, host: HostId, name: string) {
    this.#bucket = bucket;
    this.#host = host;
    this.#name = name;
  }

  async keys(signal?: AbortSignal): Promise<string[]> {
    return (await unlessAborted(this.#load(), signal)).flatMap(({ keys }) => [...keys]);
  }

  /** Resolves when the bus has the name. */
  async add(key: string): Promise<void> {
    const part = (this.#parts ?? (await this.#load()))[partOf(key)]!;
    if (!part.keys.has(key)) {
      part.keys.add(key);
      part.version += 1;
    }
    await this.#save(part);
  }

  /** Whether the bus has the name or will have it before whatever is sent to it from now on. */
  isOnItsWay(key: string): boolean {
    const part = this.#parts?.[partOf(key)];
    return part !== undefined && part.keys.has(key) && part.sent === part.version;
  }

  remove(key: string): void {
    const part = this.#parts?.[partOf(key)];
    if (!part?.keys.delete(key)) return;
    part.version += 1;
    part.removing ??= setTimeout(() => {
      part.removing = undefined;
      this.#save(part).catch((error: unknown) => log.debug(`A name stays in the index: ${String(error)}`));
    }, removeAfterMs).unref();
  }

  async #save(part: Part): Promise<void> {
    const wanted = part.version;
    while (part.saved < wanted) {
      part.writing ??= this.#write(part).finally(() => {
        part.writing = undefined;
      });
      await part.writing;
    }
  }

  async #write(part: Part): Promise<void> {
    const { version } = part;
    part.sent = version;
    await this.#bucket.put(part.key, [...part.keys]);
    part.saved = version;
  }

  #load(): Promise<Part[]> {
    return (this.#loading ??= this.#read().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    }));
  }

  async #read(): Promise<Part[]> {
    for (let looks = 0; !(await this.#bucket.get(keys.indexed)); looks += 1) {
      if (looks === 5) log.log('Waiting for a gateway to make the index of keys.');
      await pause(lookEveryMs);
    }
    this.#parts = await Promise.all(
      Array.from({ length: partsOfIndex }, async (_nothing, number): Promise<Part> => {
        const key = indexKey(this.#host, this.#name, number);
        const found = new Set((await this.#bucket.get(key))?.value);
        return { key, keys: found, version: 0, sent: 0, saved: 0, writing: undefined, removing: undefined };
      }),
    );
    return this.#parts;
  }
}
