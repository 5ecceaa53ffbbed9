import { sendUpload } from '@polyvirt/api-client';
import { calls } from '../api/calls.ts';
import { send } from '../api/changes.ts';
import { client } from '../api/client.ts';
import { showOperation } from '../operations/drawer-state.ts';

/** Where an uploaded file becomes an image, and as what. */
export interface ImageTarget {
  readonly host: string;
  readonly name: string;
  readonly sha256?: string;
}

interface FileFacts {
  readonly name: string;
  readonly bytes: number;
  readonly modified: number;
}

/**
 * - `sending`: on its way, or waiting for the gateway to be back.
 * - `paused`: by its user.
 * - `fileless`: from before a reload, by which a browser forgets its files.
 * - `adding`: there, and the host is told to make an image of it.
 * - `failed`: with `error`; what has arrived stays.
 */
export type UploadState = 'sending' | 'paused' | 'fileless' | 'adding' | 'failed';

export interface ImageUpload extends ImageTarget {
  /** Of this browser's. */
  readonly key: string;
  /** Whose it is. */
  readonly user: string;
  readonly file: FileFacts;
  /** At the gateway; undefined until it has begun there. */
  readonly id?: string;
  readonly sentBytes: number;
  readonly state: UploadState;
  readonly error?: unknown;
}

interface Work {
  readonly file: File;
  /** Ends what is under way. */
  stop?: AbortController;
}

const store = 'polyvirt.uploads';
const factsOf = ({ name, size, lastModified }: File): FileFacts => ({ name, bytes: size, modified: lastModified });

/** Uploads of this tab. They go on whichever page is shown, and what has arrived outlives a reload. */
class Uploads {
  #all: readonly ImageUpload[] = restored();
  readonly #work = new Map<string, Work>();
  readonly #listeners = new Set<() => void>();

  /** For `useSyncExternalStore`. */
  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly all = (): readonly ImageUpload[] => this.#all;

  begin(file: File, target: ImageTarget, user: string): void {
    const key = crypto.getRandomValues(new Uint32Array(2)).join('-');
    this.#put([...this.#all, { ...target, key, user, file: factsOf(file), sentBytes: 0, state: 'paused' }]);
    this.#work.set(key, { file });
    this.resume(key);
  }

  pause(key: string): void {
    this.#work.get(key)?.stop?.abort();
    this.#change(key, { state: 'paused' });
  }

  /** Sends what the gateway does not have; when all of it is there, has the host make the image. */
  resume(key: string): void {
    const [upload, work] = [this.#find(key), this.#work.get(key)];
    if (!upload || upload.state === 'sending' || upload.state === 'adding') return;
    if (isSent(upload)) return void this.#add(key);
    if (!work) return this.#change(key, { state: 'fileless' });
    this.#change(key, { state: 'sending', error: undefined });
    void this.#send(key, work, upload.id);
  }

  /** Continues with a file that was chosen again; false if it is another one. */
  resumeWith(key: string, file: File): boolean {
    const upload = this.#find(key);
    const facts = factsOf(file);
    if (!upload || (Object.keys(facts) as (keyof FileFacts)[]).some((fact) => facts[fact] !== upload.file[fact]))
      return false;
    this.#work.set(key, { file });
    this.resume(key);
    return true;
  }

  /** Forgets one, here and at the gateway. */
  async discard(key: string): Promise<void> {
    const upload = this.#find(key);
    this.#work.get(key)?.stop?.abort();
    if (upload?.id !== undefined)
      try {
        await client.DELETE('/api/v1/uploads/{uploadId}', { params: { path: { uploadId: upload.id } } });
      } catch (error) {
        if (!isGone(error)) return this.#change(key, { state: 'failed', error });
      }
    this.forget(key);
  }

  /** Forgets one that has become an image. */
  forget(key: string): void {
    this.#work.delete(key);
    this.#put(this.#all.filter((one) => one.key !== key));
  }

  /** Asks how much has arrived of those from before a reload, and forgets those that have expired. */
  async lookUp(): Promise<void> {
    for (const { key, id, state } of this.#all) {
      if (state !== 'fileless' || id === undefined) continue;
      try {
        const { data } = await client.GET('/api/v1/uploads/{uploadId}', { params: { path: { uploadId: id } } });
        if (this.#find(key)?.state === 'fileless') this.#change(key, { sentBytes: data.receivedBytes });
      } catch (error) {
        if (isGone(error)) this.forget(key);
      }
    }
  }

  async #send(key: string, work: Work, id: string | undefined): Promise<void> {
    const { file } = work;
    const { signal } = (work.stop = new AbortController());
    const source = {
      name: file.name,
      bytes: file.size,
      read: async (offset: number, length: number) =>
        new Uint8Array(await file.slice(offset, offset + length).arrayBuffer()),
    };
    try {
      await sendUpload(client, source, {
        id,
        signal,
        onBegun: (begun) => this.#change(key, { id: begun }),
        onProgress: (sentBytes) => this.#change(key, { sentBytes }),
      });
      await this.#add(key);
    } catch (error) {
      if (!signal.aborted) this.#change(key, { state: 'failed', error });
    }
  }

  async #add(key: string): Promise<void> {
    const upload = this.#find(key);
    if (upload?.id === undefined) return;
    const { host, name, sha256, id } = upload;
    this.#change(key, { state: 'adding', error: undefined });
    try {
      const body = { name, upload: id, ...(sha256 !== undefined && { sha256 }) };
      const operation = await send(calls.addImage(host, body));
      this.forget(key);
      showOperation(operation.id);
    } catch (error) {
      this.#change(key, { state: 'failed', error });
    }
  }

  #find(key: string): ImageUpload | undefined {
    return this.#all.find((one) => one.key === key);
  }

  #change(key: string, change: Partial<ImageUpload>): void {
    this.#put(this.#all.map((one) => (one.key === key ? { ...one, ...change } : one)));
  }

  #put(all: readonly ImageUpload[]): void {
    this.#all = all;
    sessionStorage.setItem(store, JSON.stringify(all.map(({ error: _, ...one }) => one)));
    for (const listener of this.#listeners) listener();
  }
}

/** Whether all of it has arrived. */
export const isSent = ({ id, sentBytes, file }: ImageUpload): boolean => id !== undefined && sentBytes >= file.bytes;

const isGone = (error: unknown): boolean => (error as { code?: unknown }).code === 'upload-not-found';

/** Of the tab as it was before its reload. What had not begun at the gateway is lost. */
function restored(): ImageUpload[] {
  try {
    const kept = JSON.parse(sessionStorage.getItem(store) ?? '[]') as ImageUpload[];
    return kept.filter(({ id }) => id !== undefined).map((one) => ({ ...one, state: 'fileless' as const }));
  } catch {
    return [];
  }
}

export const uploads = new Uploads();

// Whoever leaves the page in the middle of one is asked.
addEventListener('beforeunload', (event) => {
  if (uploads.all().some(({ state }) => state === 'sending')) event.preventDefault();
});
