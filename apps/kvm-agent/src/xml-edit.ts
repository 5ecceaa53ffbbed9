import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { readAllEntities } from './xml.ts';

const options = {
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
} as const;
const parser = new XMLParser({ ...options, ...readAllEntities, commentPropName: '#comment', cdataPropName: '#cdata' });
const builder = new XMLBuilder({ ...options, commentPropName: '#comment', cdataPropName: '#cdata' });

const ATTRIBUTES = ':@';

type RawNode = { [tag: string]: unknown };

/**
 * A document that keeps the order of its elements and everything it does not know, for edits of definitions that other
 * tools wrote.
 */
export class EditableXml {
  readonly #document: RawNode[];

  constructor(text: string) {
    this.#document = parser.parse(text) as RawNode[];
  }

  get root(): Element {
    const node = this.#document.find(
      (candidate) =>
        !Object.keys(candidate)[0]!.startsWith('?') && !('#text' in candidate) && !('#comment' in candidate),
    );
    if (!node) throw new SyntaxError('the document has no element');
    return new Element(node);
  }

  toString(): string {
    return builder.build(this.#document);
  }
}

export class Element {
  readonly #node: RawNode;

  constructor(node: RawNode) {
    this.#node = node;
  }

  get name(): string {
    return Object.keys(this.#node).find((key) => key !== ATTRIBUTES)!;
  }

  toString(): string {
    return builder.build([this.#node]);
  }

  get #content(): RawNode[] {
    return this.#node[this.name] as RawNode[];
  }

  attribute(name: string): string | undefined {
    return (this.#node[ATTRIBUTES] as Record<string, string> | undefined)?.[name];
  }

  setAttribute(name: string, value: string): void {
    const attributes = (this.#node[ATTRIBUTES] ??= {}) as Record<string, string>;
    attributes[name] = value;
  }

  removeAttribute(name: string): void {
    delete (this.#node[ATTRIBUTES] as Record<string, string> | undefined)?.[name];
  }

  /** Its text, without that of elements in it. */
  get text(): string {
    return this.#content.map((node) => ('#text' in node ? String(node['#text']) : '')).join('');
  }

  /** Replaces all that is in it. */
  setText(value: string): void {
    this.#node[this.name] = [{ '#text': value }];
  }

  /** Attributes by name. */
  get attributes(): Readonly<Record<string, string>> {
    return (this.#node[ATTRIBUTES] as Record<string, string> | undefined) ?? {};
  }

  /** All elements in it, in their order. */
  get elements(): Element[] {
    return this.#content
      .filter((node) => !Object.keys(node).some((key) => key.startsWith('#')))
      .map((node) => new Element(node));
  }

  children(name: string): Element[] {
    return this.#content.filter((node) => name in node).map((node) => new Element(node));
  }

  child(name: string): Element | undefined {
    return this.children(name)[0];
  }

  removeChildren(name: string): void {
    const content = this.#content;
    for (let index = content.length - 1; index >= 0; index--) if (name in content[index]!) content.splice(index, 1);
  }

  /** Adds an empty child behind the others. */
  append(name: string): Element {
    const node: RawNode = { [name]: [] };
    this.#content.push(node);
    return new Element(node);
  }

  /** Takes out this very child. */
  remove(child: Element): void {
    const content = this.#content;
    const index = content.indexOf(child.#node);
    if (index >= 0) content.splice(index, 1);
  }

  /** Adds an element of another document behind the others. */
  adopt(element: Element): void {
    this.#content.push(element.#node);
  }

  /** Sets the text of a child, making the child if it is not there. */
  setChildText(name: string, value: string): void {
    const existing = this.#content.find((node) => name in node);
    if (existing) existing[name] = [{ '#text': value }];
    else this.#content.push({ [name]: [{ '#text': value }] });
  }
}
