import {
  boolean,
  dateTime,
  integer,
  list,
  mapOf,
  object,
  oneOf,
  reference,
  string,
  uuid,
  type Schema,
} from '../schema.ts';

/** `metadata` of an intent request. */
export const metadata = (kind: string): Schema =>
  object(
    {
      uuid,
      name: string(80),
      spec_version: integer(),
      spec_hash: string(),
      entity_version: string(),
      creation_time: dateTime,
      last_update_time: dateTime,
      project_reference: reference('project'),
      owner_reference: reference('user'),
      categories: mapOf(string()),
      categories_mapping: mapOf(list(string())),
      use_categories_mapping: boolean,
      should_force_translate: boolean,
    },
    { kind: oneOf(kind) },
  );

/** A whole intent request around the schema of its `spec`. */
export const intent = (kind: string, spec: Schema): Schema =>
  object({ api_version: string() }, { spec, metadata: metadata(kind) });

/** Body of a list request. */
export const listRequest = (kind: string): Schema =>
  object({
    kind: oneOf(kind),
    length: integer(1),
    offset: integer(0),
    filter: string(),
    sort_attribute: string(),
    sort_order: oneOf('ASCENDING', 'DESCENDING'),
  });
