import { objectAt, objectsAt, type JsonObject } from '../client/json.ts';
import { until } from '../client/patience.ts';
import { isNotFound, isTakenId, type PrismClient } from '../client/prism-client.ts';
import { taskOf, type Tasks } from '../client/tasks.ts';
import { readImage } from './images.ts';

const goneWithinMs = 60_000;

export interface ImageIntent {
  /** Chosen before, so that a repeat finds its own. */
  readonly uuid: string;
  readonly name: string;
  readonly resources: JsonObject;
}

/** Images as entities of Prism Central: what is asked for twice is made once, and gone is gone. */
export class ImageEntities {
  readonly #client: PrismClient;
  readonly #tasks: Tasks;

  constructor(client: PrismClient, tasks: Tasks) {
    this.#client = client;
    this.#tasks = tasks;
  }

  find(uuid: string, signal: AbortSignal): Promise<JsonObject | undefined> {
    return this.#client.find(`/images/${uuid}`, signal);
  }

  /** Answers the task that makes it. */
  async make({ uuid, name, resources }: ImageIntent, signal: AbortSignal): Promise<string | undefined> {
    const begun = await this.find(uuid, signal);
    if (begun) return taskOf(begun);
    try {
      const answer = await this.#client.v3('POST', '/images', signal, {
        api_version: '3.1',
        metadata: { kind: 'image', uuid },
        spec: { name, resources },
      });
      return taskOf(answer);
    } catch (error) {
      // An earlier try was accepted and its answer lost.
      if (!isTakenId(error)) throw error;
      return (await this.#tasks.openOn(uuid, signal))[0];
    }
  }

  /** Answers the task that deletes it; undefined when it is gone. */
  async delete(uuid: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      return taskOf(await this.#client.v3('DELETE', `/images/${uuid}`, signal));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Resolves when it is gone, whatever was under way on it. */
  async drop(uuid: string, signal: AbortSignal): Promise<void> {
    for (const task of await this.#tasks.openOn(uuid, signal)) {
      await this.#tasks.abort(task);
      await this.#tasks.settled(task, signal);
    }
    const task = await this.delete(uuid, signal);
    if (task !== undefined) await this.#tasks.over(task, signal);
    await this.gone(uuid, signal);
  }

  async gone(uuid: string, signal: AbortSignal): Promise<void> {
    await until(async () => !(await this.find(uuid, signal)), signal, goneWithinMs);
  }

  /** Whether what was sent for it has arrived. Its size may show later. */
  async hasContent(uuid: string, signal: AbortSignal): Promise<boolean> {
    const image = await this.find(uuid, signal);
    if (!image) return false;
    const list = objectAt(objectAt(image, 'status'), 'resources')['retrieval_uri_list'];
    return readImage(image).bytes !== undefined || (Array.isArray(list) && list.length > 0);
  }

  /** Resolves when Prism has taken what was sent: its own checks are a task of theirs. @throws TaskFailedError */
  async taken(uuid: string, signal: AbortSignal): Promise<void> {
    const image = await this.find(uuid, signal);
    const task = image && taskOf(image);
    if (task !== undefined) await this.#tasks.succeeded(task, signal);
  }
}

/** UUIDs of the images that a VM has in its drives. */
export const insertedIn = (resources: JsonObject): string[] =>
  objectsAt(resources, 'disk_list').flatMap((disk) => {
    const type = objectAt(disk, 'device_properties')['device_type'];
    const { kind, uuid } = objectAt(disk, 'data_source_reference');
    return type === 'CDROM' && kind === 'image' && typeof uuid === 'string' ? [uuid] : [];
  });
