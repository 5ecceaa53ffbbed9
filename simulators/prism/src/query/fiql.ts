/** Thrown for a filter that cannot be read, or that asks for an attribute nobody has. */
export class FilterError extends Error {}

export type Scalar = string | number | boolean;
/** The values an entity has for an attribute: none, one or several. `undefined` when the kind has no such attribute. */
export type Lookup<T> = (entity: T, attribute: string) => readonly Scalar[] | undefined;

type Operator = '==' | '!=' | '=lt=' | '=le=' | '=gt=' | '=ge=' | '=in=';
const OPERATORS: readonly Operator[] = ['==', '!=', '=lt=', '=le=', '=gt=', '=ge=', '=in='];

/** Marks absence: `attr==[no_val]` matches entities without the attribute. */
const NO_VALUE = '[no_val]';

type Node =
  | { readonly any: readonly Node[] }
  | { readonly all: readonly Node[] }
  | { readonly attribute: string; readonly operator: Operator; readonly values: readonly string[] };

/**
 * The FIQL dialect of v3: `attr==value`, `!=`, `=lt=` and its kin, `=in=a|b` or `=in=(a,b)`; `;` is AND, `,` is OR, parentheses group.
 * A value with `.*` at either end is a pattern without regard to case, as the Prism console sends it.
 */
export class Fiql {
  private constructor(private readonly root: Node) {}

  /** @throws FilterError */
  static parse(text: string): Fiql {
    return new Fiql(new Parser(text).parse());
  }

  attributes(): Set<string> {
    const found = new Set<string>();
    const visit = (node: Node): void => {
      if ('any' in node) node.any.forEach(visit);
      else if ('all' in node) node.all.forEach(visit);
      else found.add(node.attribute);
    };
    visit(this.root);
    return found;
  }

  matches<T>(entity: T, lookup: Lookup<T>): boolean {
    return holds(this.root, (attribute) => lookup(entity, attribute) ?? []);
  }
}

function holds(node: Node, valuesOf: (attribute: string) => readonly Scalar[]): boolean {
  if ('any' in node) return node.any.some((child) => holds(child, valuesOf));
  if ('all' in node) return node.all.every((child) => holds(child, valuesOf));
  const values = valuesOf(node.attribute);
  switch (node.operator) {
    case '==':
    case '=in=':
      return node.values.some((wanted) => has(values, wanted));
    case '!=':
      return !node.values.some((wanted) => has(values, wanted));
    case '=lt=':
      return values.some((value) => compare(value, node.values[0]) < 0);
    case '=le=':
      return values.some((value) => compare(value, node.values[0]) <= 0);
    case '=gt=':
      return values.some((value) => compare(value, node.values[0]) > 0);
    case '=ge=':
      return values.some((value) => compare(value, node.values[0]) >= 0);
  }
}

function has(values: readonly Scalar[], wanted: string): boolean {
  if (wanted === NO_VALUE) return values.length === 0;
  if (wanted.startsWith('.*') || wanted.endsWith('.*')) {
    const pattern = patternOf(wanted);
    return values.some((value) => pattern.test(String(value)));
  }
  return values.some((value) => equal(value, wanted));
}

function patternOf(wanted: string): RegExp {
  try {
    return new RegExp(`^${wanted}$`, 'i');
  } catch {
    throw new FilterError(`Invalid pattern ${wanted}`);
  }
}

function equal(value: Scalar, wanted: string): boolean {
  if (typeof value === 'boolean') return wanted === String(value) || wanted === (value ? '1' : '0');
  return String(value) === wanted;
}

function compare(value: Scalar, wanted = ''): number {
  const a = Number(value);
  const b = Number(wanted);
  if (wanted !== '' && !Number.isNaN(a) && !Number.isNaN(b)) return a - b;
  return String(value) < wanted ? -1 : String(value) > wanted ? 1 : 0;
}

class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  parse(): Node {
    const node = this.alternatives();
    if (this.at < this.text.length) throw this.error();
    return node;
  }

  private alternatives(): Node {
    const nodes = [this.conjunction()];
    while (this.take(',')) nodes.push(this.conjunction());
    return nodes.length === 1 ? nodes[0]! : { any: nodes };
  }

  private conjunction(): Node {
    const nodes = [this.term()];
    while (this.take(';')) nodes.push(this.term());
    return nodes.length === 1 ? nodes[0]! : { all: nodes };
  }

  private term(): Node {
    if (this.take('(')) {
      const node = this.alternatives();
      if (!this.take(')')) throw this.error();
      return node;
    }
    const attribute = this.until(/[=!;,()]/).trim();
    const operator = OPERATORS.find((candidate) => this.text.startsWith(candidate, this.at));
    if (attribute === '' || operator === undefined) throw this.error();
    this.at += operator.length;
    return { attribute, operator, values: operator === '=in=' ? this.values() : [this.value()] };
  }

  private values(): string[] {
    if (!this.take('(')) return this.value().split('|');
    const values = [this.value()];
    while (this.take(',')) values.push(this.value());
    if (!this.take(')')) throw this.error();
    return values;
  }

  /** Ends at a separator that is not escaped by a backslash. */
  private value(): string {
    let value = '';
    while (this.at < this.text.length && !/[;,()]/.test(this.text[this.at]!)) {
      if (this.text[this.at] === '\\' && this.at + 1 < this.text.length) this.at++;
      value += this.text[this.at++];
    }
    return value.trim();
  }

  private until(stop: RegExp): string {
    const start = this.at;
    while (this.at < this.text.length && !stop.test(this.text[this.at]!)) this.at++;
    return this.text.slice(start, this.at);
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private error(): FilterError {
    return new FilterError(`Invalid filter ${this.text}`);
  }
}
