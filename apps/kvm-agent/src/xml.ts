import { XMLBuilder, XMLParser } from 'fast-xml-parser';

/** Elements that can repeat where they are read. */
const arrays = new Set([
  'disk',
  'interface',
  'graphics',
  'channel',
  'controller',
  'range',
  'host',
  'ip',
  'console',
  'serial',
  'listen',
  'cell',
  'qemu:arg',
]);

const options = {
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
} as const;

/**
 * The parser bounds what the documents of strangers may blow up to, over all that it ever reads. These come from libvirt and
 * define no entities; a description may hold any number of quotes, and metadata the numbers of characters.
 */
export const readAllEntities = {
  processEntities: { enabled: true, maxTotalExpansions: Infinity, maxExpandedLength: Infinity },
  htmlEntities: true,
} as const;

const parser = new XMLParser({ ...options, ...readAllEntities, isArray: (name) => arrays.has(name) });
const builder = new XMLBuilder({ ...options, format: true, suppressEmptyNode: true });

/** An element: attributes begin with `@`, text that stands beside attributes is `#text`. */
export type Xml = { [name: string]: XmlValue };
export type XmlValue = string | Xml | (string | Xml)[] | undefined;

/** Reads a document. Elements that can repeat are always arrays; nothing is turned into a number. */
export function parseXml(text: string): Xml {
  return parser.parse(text) as Xml;
}

/** Writes a document; every value is escaped. */
export function buildXml(document: Xml): string {
  return builder.build(document);
}

export function child(parent: Xml | undefined, name: string): Xml | undefined {
  const value = parent?.[name];
  return typeof value === 'object' && !Array.isArray(value) ? value : undefined;
}

export function children(parent: Xml | undefined, name: string): Xml[] {
  const value = parent?.[name];
  const list = Array.isArray(value) ? value : [value];
  return list.filter((item): item is Xml => typeof item === 'object');
}

export function attribute(element: Xml | undefined, name: string): string | undefined {
  const value = element?.[`@${name}`];
  return typeof value === 'string' ? value : undefined;
}

/** Text of a child element, whether or not it has attributes. */
export function text(parent: Xml | undefined, name: string): string | undefined {
  const value = parent?.[name];
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && !Array.isArray(value))
    return typeof value['#text'] === 'string' ? value['#text'] : undefined;
  return undefined;
}

/** Texts of all child elements of that name. */
export function texts(parent: Xml | undefined, name: string): string[] {
  const value = parent?.[name];
  const list = Array.isArray(value) ? value : [value];
  return list.flatMap((item) => text({ item }, 'item') ?? []);
}
