export type RefusalKind =
  /** Another task holds the entity. */
  | 'busy'
  /** The caller's version is not the current one. */
  | 'stale'
  | 'notFound'
  | 'exists'
  /** A reference to something that is not there. */
  | 'unknownReference'
  /** Well-formed, and still not possible. */
  | 'invalid'
  | 'tooMany'
  | 'notSupported';

/** A request that is turned down before any task exists. Each API puts it in its own words. */
export class Refusal extends Error {
  constructor(
    readonly kind: RefusalKind,
    readonly entityKind: string,
    readonly entityUuid: string,
    message: string,
  ) {
    super(message);
  }
}

export const notFound = (entityKind: string, uuid: string): Refusal =>
  new Refusal('notFound', entityKind, uuid, `${entityKind} : ${uuid} does not exist.`);
