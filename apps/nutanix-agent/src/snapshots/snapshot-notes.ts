import { ProblemError, VmState, type NativeId } from '@polyvirt/contracts';
import { isObject, textAt, type JsonObject } from '../client/json.ts';
import type { Pages } from '../client/paging.ts';
import { isNotFound, type PrismClient } from '../client/prism-client.ts';

/** What Prism has no field for in a recovery point that was taken by us. */
export interface SnapshotNote {
  readonly name: string;
  readonly description?: string;
  /** The snapshot that the VM stood on when this one was taken. */
  readonly parent: string | null;
  /** Of the VM when it was taken; absent in notes of before this was kept. */
  readonly state?: VmState;
}

/** Category under which the notes are; none of its values is ever assigned to anything. */
export const NOTES = 'PolyvirtSnapshots';
const ABOUT = 'Kept by Polyvirt: names, descriptions and order of snapshots. Not for use on VMs.';
/** Of the description of a category value. */
const LONGEST = 1_000;

export interface Notes {
  readonly snapshots: ReadonlyMap<string, SnapshotNote>;
  /** The snapshot that each VM stands on. */
  readonly current: ReadonlyMap<NativeId, string>;
}

export const noNotes: Notes = { snapshots: new Map(), current: new Map() };

/**
 * Notes on snapshots, kept in Prism itself, so that they are where the recovery points are: a category value each, whose
 * description is the note. Recovery points have neither parents nor descriptions, and their names are short.
 */
export class SnapshotNotes {
  readonly #client: PrismClient;
  readonly #pages: Pages;

  constructor(client: PrismClient, pages: Pages) {
    this.#client = client;
    this.#pages = pages;
  }

  async read(signal: AbortSignal): Promise<Notes> {
    const values = await this.#pages.all(`/categories/${NOTES}`, 'category', signal).catch((error: unknown) => {
      if (isNotFound(error)) return [];
      throw error;
    });
    const snapshots = new Map<string, SnapshotNote>();
    const current = new Map<NativeId, string>();
    for (const value of values) {
      const key = textAt(value, 'value') ?? '';
      const note = parse(textAt(value, 'description'));
      const standsOn = textAt(note, 'current');
      if (standsOn !== undefined) current.set(key, standsOn);
      else if (note !== undefined) snapshots.set(key, readNote(note));
    }
    return { snapshots, current };
  }

  /** @throws ProblemError `invalid-input` when it is too long for Prism. */
  async write(snapshot: string, note: SnapshotNote, signal: AbortSignal): Promise<void> {
    demandShort(note);
    await this.#put(snapshot, note as unknown as JsonObject, signal);
  }

  /** Notes what a VM stands on; null forgets it. */
  async stand(vm: NativeId, snapshot: string | null, signal: AbortSignal): Promise<void> {
    if (snapshot === null) await this.erase(vm, signal);
    else await this.#put(vm, { current: snapshot }, signal);
  }

  /** Erases the note on a snapshot or a VM. */
  async erase(key: string, signal: AbortSignal): Promise<void> {
    await this.#client.v3('DELETE', `/categories/${NOTES}/${key}`, signal).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  async #put(key: string, note: JsonObject, signal: AbortSignal): Promise<void> {
    const write = () =>
      this.#client.v3('PUT', `/categories/${NOTES}/${key}`, signal, { value: key, description: JSON.stringify(note) });
    try {
      await write();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await this.#client.v3('PUT', `/categories/${NOTES}`, signal, { name: NOTES, description: ABOUT });
      await write();
    }
  }
}

/** @throws ProblemError `invalid-input` when Prism would not hold the note. */
export function demandShort(note: SnapshotNote): void {
  const length = JSON.stringify(note).length;
  if (length > LONGEST)
    throw new ProblemError(
      'invalid-input',
      `Prism keeps ${LONGEST} characters about a snapshot, and these are ${length - LONGEST} too many. Give it a shorter description.`,
      { errors: [{ pointer: '/description', detail: `${length - LONGEST} characters too long.` }] },
    );
}

/** Somebody may have edited it by hand. */
function parse(text: string | undefined): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function readNote(note: JsonObject): SnapshotNote {
  const description = textAt(note, 'description');
  const state = VmState.safeParse(note['state']);
  return {
    name: textAt(note, 'name') ?? '',
    ...(description === undefined ? {} : { description }),
    parent: textAt(note, 'parent') ?? null,
    ...(state.success ? { state: state.data } : {}),
  };
}
