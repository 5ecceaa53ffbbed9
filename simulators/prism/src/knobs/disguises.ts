import { isObject, objectAt, stringAt, type Json, type JsonObject } from '../json.ts';

/**
 * How entities look that Prism shows in a way of its own: members of what reads of v3 show are replaced, objects member by
 * member, everything else whole. They last as long as the process.
 */
export class Disguises {
  readonly #looks = new Map<string, JsonObject>();

  /** `look` is what is put over the entity: `{"status": {"resources": null}}`. */
  set(uuid: string, look: JsonObject): void {
    this.#looks.set(uuid, look);
  }

  remove(uuid: string): void {
    this.#looks.delete(uuid);
  }

  get isEmpty(): boolean {
    return this.#looks.size === 0;
  }

  /** An answer with every entity in it as it is to look: one that was read, those of a list, rows of groups. */
  over(answer: Json): Json {
    if (!isObject(answer)) return answer;
    const look = this.#looks.get(uuidOf(answer) ?? '');
    const shown = look === undefined ? answer : merged(answer, look);
    const lists = ['entities', 'group_results', 'entity_results'].filter((key) => Array.isArray(shown[key]));
    return {
      ...shown,
      ...Object.fromEntries(lists.map((key) => [key, (shown[key] as Json[]).map((item) => this.over(item))])),
    };
  }
}

/** Intents have it in their metadata, tasks and rows by themselves. */
const uuidOf = (entity: JsonObject): string | undefined =>
  stringAt(objectAt(entity, 'metadata'), 'uuid') ?? stringAt(entity, 'uuid') ?? stringAt(entity, 'entity_id');

function merged(shown: JsonObject, look: JsonObject): JsonObject {
  const members = Object.entries(look).map(([key, member]): [string, Json | undefined] => {
    const below = shown[key];
    return [key, isObject(below) && isObject(member) ? merged(below, member) : member];
  });
  return { ...shown, ...Object.fromEntries(members) };
}
