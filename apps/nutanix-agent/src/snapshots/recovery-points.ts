import { ProblemError, type NativeId } from '@polyvirt/contracts';
import { objectAt, textAt, type JsonObject } from '../client/json.ts';
import { patiently, until } from '../client/patience.ts';
import type { Pages } from '../client/paging.ts';
import { isNotFound, type PrismClient } from '../client/prism-client.ts';
import { PrismError } from '../client/prism-error.ts';
import { taskOf } from '../client/tasks.ts';
import { nameOf, timeAt, uuidOf } from '../vm/vm-reader.ts';
import type { Patience } from '../vm/vms.ts';
import { isUuid } from '../vm/uuid.ts';

export interface RecoveryPoint {
  readonly uuid: string;
  readonly vm: NativeId;
  readonly name: string;
  /** ISO 8601. */
  /** Undefined when Prism does not say. */
  readonly createdAt: string | undefined;
}

const KIND = 'vm_recovery_point';
const PATH = '/vm_recovery_points';

/** Recovery points: the disks and the configuration of a VM at a moment. Each stands by itself, and outlives its VM. */
export class RecoveryPoints {
  readonly #client: PrismClient;
  readonly #pages: Pages;
  readonly #patience: Patience;
  /** The filter is no published one. */
  #hasFilter = true;

  constructor(client: PrismClient, pages: Pages, patience: Patience) {
    this.#client = client;
    this.#pages = pages;
    this.#patience = patience;
  }

  /** Of all VMs, or of one, oldest first. */
  async list(signal: AbortSignal, vm?: NativeId): Promise<RecoveryPoint[]> {
    const points = (await this.#read(signal, vm))
      .filter((point) => !isGoing(point) && uuidOf(point) !== '')
      .map(readPoint);
    return points
      .filter((point) => vm === undefined || point.vm === vm)
      .sort((a, b) => (a.createdAt ?? '').localeCompare(b.createdAt ?? ''));
  }

  async find(uuid: string, signal: AbortSignal): Promise<RecoveryPoint | undefined> {
    const point = isUuid(uuid) ? await this.#client.find(`${PATH}/${uuid}`, signal) : undefined;
    return point === undefined ? undefined : readPoint(point);
  }

  /** Deletes one; answers the task, or undefined when it is gone. */
  async delete(uuid: string, signal: AbortSignal): Promise<string | undefined> {
    return patiently(
      async () => {
        if (!(await this.find(uuid, signal))) return undefined;
        try {
          return taskOf(await this.#client.v3('DELETE', `${PATH}/${uuid}`, signal));
        } catch (error) {
          if (isNotFound(error)) return undefined;
          throw error;
        }
      },
      signal,
      this.#patience.busyMs,
    );
  }

  /** Gives one that was made a moment ago the time to show. */
  async awaited(uuid: string, signal: AbortSignal): Promise<void> {
    await until(() => this.find(uuid, signal), signal, this.#patience.settleMs);
  }

  /** Resolves when it can be read, or no longer. @throws ProblemError `timed-out` */
  async settled(uuid: string, present: boolean, signal: AbortSignal): Promise<void> {
    const look = async () => ((await this.find(uuid, signal)) !== undefined) === present;
    if (await until(look, signal, this.#patience.settleMs)) return;
    throw new ProblemError(
      'timed-out',
      `The task has ended, but Prism ${present ? 'does not show' : 'still shows'} the recovery point ${uuid}. Look at it in Prism Central, then try again.`,
    );
  }

  async #read(signal: AbortSignal, vm: NativeId | undefined): Promise<JsonObject[]> {
    try {
      if (vm !== undefined && this.#hasFilter)
        return await this.#pages.all(PATH, KIND, signal, `parent_vm_reference==${vm}`);
    } catch (error) {
      if (!(error instanceof PrismError) || ![400, 422].includes(error.status)) throw missing(error);
      this.#hasFilter = false;
    }
    return this.#pages.all(PATH, KIND, signal).catch((error: unknown) => {
      throw missing(error);
    });
  }
}

/** Releases differ in whether they have recovery points in this API at all. */
export const hasNoRecoveryPoints = (error: unknown): boolean =>
  error instanceof ProblemError && error.code === 'capability-missing';

function missing(error: unknown): unknown {
  return isNotFound(error)
    ? new ProblemError('capability-missing', 'This release of Prism Central has no recovery points in its v3 API.', {
        cause: error,
      })
    : error;
}

const isGoing = (point: JsonObject): boolean => objectAt(point, 'status')['state'] === 'DELETE_PENDING';

function readPoint(point: JsonObject): RecoveryPoint {
  const resources = objectAt(objectAt(point, 'status'), 'resources');
  const metadata = objectAt(point, 'metadata');
  return {
    uuid: uuidOf(point),
    vm: textAt(objectAt(resources, 'parent_vm_reference'), 'uuid') ?? '',
    name: nameOf(point),
    createdAt:
      timeAt(resources, 'creation_time') ?? timeAt(metadata, 'creation_time') ?? timeAt(metadata, 'last_update_time'),
  };
}
