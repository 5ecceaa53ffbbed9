import { isObject, objectAt, type JsonObject } from '../client/json.ts';
import type { PrismClient } from '../client/prism-client.ts';

/** The category that VMs are in which are templates: shown in Prism as well, where it can be given and taken. */
const KEY = 'PolyvirtTemplate';
const VALUE = 'Yes';
const ABOUT = 'VMs that Polyvirt takes for templates: it clones them and does not start them.';

/** `PolyvirtTemplate:Yes`, as notes and messages say it. */
export const TEMPLATE_CATEGORY = `${KEY}:${VALUE}`;

export function isTemplate(vm: JsonObject): boolean {
  const metadata = objectAt(vm, 'metadata');
  const values = objectAt(metadata, 'categories_mapping')[KEY];
  return (Array.isArray(values) && values.includes(VALUE)) || objectAt(metadata, 'categories')[KEY] === VALUE;
}

/** Marks a VM, or no longer, in the metadata that is written back; false when it is so already. */
export function markTemplate(metadata: JsonObject, wanted: boolean | undefined): boolean {
  if (wanted === undefined || isTemplate({ metadata }) === wanted) return false;
  const { [KEY]: plain, ...others } = objectAt(metadata, 'categories');
  if (!isObject(metadata['categories_mapping'])) {
    metadata['categories'] = wanted ? { ...others, [KEY]: VALUE } : others;
    return true;
  }
  const { [KEY]: values, ...mapping } = metadata['categories_mapping'];
  const left = (Array.isArray(values) ? values : []).filter((value) => value !== VALUE);
  const now = wanted ? [...left, VALUE] : left;
  metadata['categories_mapping'] = now.length > 0 ? { ...mapping, [KEY]: now } : mapping;
  metadata['categories'] = plain === VALUE ? others : objectAt(metadata, 'categories');
  return true;
}

/** A VM can be in a category only that is there. */
export async function requireTemplateCategory(client: PrismClient, signal: AbortSignal): Promise<void> {
  await client.v3('PUT', `/categories/${KEY}`, signal, { name: KEY, description: ABOUT });
  await client.v3('PUT', `/categories/${KEY}/${VALUE}`, signal, { value: VALUE, description: ABOUT });
}
