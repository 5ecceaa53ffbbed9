import { objectsAt, textAt, type JsonObject } from '../client/json.ts';
import { isUnfinished } from '../client/tasks.ts';

const TIME = /^\d{4}-\d{2}-\d{2}T/;

/** What a look at the latest tasks tells. */
export type TaskNews = {
  readonly vms: ReadonlySet<string>;
  readonly isComplete: boolean;
  /** Whether images came, went or changed. */
  readonly hasImages?: true;
};

/**
 * What changes on Prism is a task, whoever asks for it; so the tasks that have ended since the last look name the VMs that
 * changed. Times have seconds only, so tasks are told apart by what was seen of them.
 */
export class TaskFeed {
  #seen: Map<string, string> | undefined;

  /** `tasks` are the latest, newest first, as many as were asked for if there are more. */
  read(tasks: readonly JsonObject[], asked: number): TaskNews {
    const before = this.#seen;
    this.#seen = new Map(tasks.map((task) => [uuidOf(task), textAt(task, 'status') ?? '']));
    if (!before) return { vms: new Set(), isComplete: true };
    const news = tasks.filter((task) => !isUnfinished(task) && before.get(uuidOf(task)) !== task['status']);
    const isComplete = tasks.length < asked || before.size === 0 || tasks.some((task) => before.has(uuidOf(task)));
    const hasImages = news.some((task) => referencesOf(task, 'image').length > 0);
    const vms = new Set(news.flatMap((task) => referencesOf(task, 'vm')));
    return { vms, isComplete, ...(hasImages && { hasImages }) };
  }

  /** Whether the list is in the order that was asked for; a Prism that does not sort by it is no use as a feed. */
  static isOrdered(tasks: readonly JsonObject[]): boolean {
    // One without a time, or with none that is one, is no sign of disorder.
    const times = tasks.flatMap((task) => textAt(task, 'last_update_time') ?? []).filter((time) => TIME.test(time));
    return times.every((time, index) => index === 0 || time <= times[index - 1]!);
  }
}

const uuidOf = (task: JsonObject): string => textAt(task, 'uuid') ?? '';

const referencesOf = (task: JsonObject, kind: string): string[] =>
  objectsAt(task, 'entity_reference_list')
    .filter((reference) => reference['kind'] === kind)
    .flatMap((reference) => textAt(reference, 'uuid') ?? []);
