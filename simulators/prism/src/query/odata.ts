import { isObject, type Json } from '../json.ts';
import { FilterError } from './fiql.ts';

type Literal = string | number | boolean | null;
type Node =
  | { readonly kind: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'not'; readonly node: Node }
  | { readonly kind: 'compare'; readonly operator: string; readonly path: string; readonly value: Literal }
  | { readonly kind: 'in'; readonly path: string; readonly values: readonly Literal[] }
  | { readonly kind: 'call'; readonly name: string; readonly path: string; readonly value: Literal }
  | { readonly kind: 'any'; readonly path: string; readonly variable: string; readonly node: Node };

interface Token {
  readonly type: 'word' | 'string' | 'number' | 'symbol';
  readonly text: string;
}

const COMPARISONS = ['eq', 'ne', 'gt', 'ge', 'lt', 'le', 'has'];
const FUNCTIONS = ['startswith', 'endswith', 'contains'];
const TIME = /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/;

/**
 * The part of an OData 4.01 `$filter` that v4 lists take: comparisons, `in`, and, or, not, parentheses, startswith, endswith, contains and
 * `any`. Paths have slashes; quotes inside texts are doubled. Members of enumerations may name their type: `Vmm.Ahv.Config.PowerState'ON'`.
 */
export class ODataFilter {
  private constructor(private readonly root: Node) {}

  /** @throws FilterError */
  static parse(text: string): ODataFilter {
    return new ODataFilter(new Parser(tokens(text), text).parse());
  }

  matches(entity: Json): boolean {
    return holds(this.root, entity, {});
  }
}

/** The values at a path; arrays on the way give several. */
export function valuesAt(entity: Json | undefined, path: string): Json[] {
  let values: Json[] = entity === undefined ? [] : [entity];
  for (const part of path.split('/'))
    values = values
      .flatMap((value) => (Array.isArray(value) ? value : [value]))
      .flatMap((value) => {
        const member = isObject(value) ? value[part] : undefined;
        return member === undefined ? [] : [member];
      });
  return values.flatMap((value) => (Array.isArray(value) ? value : [value]));
}

function holds(node: Node, entity: Json, variables: Readonly<Record<string, Json>>): boolean {
  const valuesOf = (path: string): Json[] => {
    const [head = '', ...rest] = path.split('/');
    const bound = variables[head];
    if (bound === undefined) return valuesAt(entity, path);
    return rest.length === 0 ? [bound] : valuesAt(bound, rest.join('/'));
  };
  switch (node.kind) {
    case 'and':
      return holds(node.left, entity, variables) && holds(node.right, entity, variables);
    case 'or':
      return holds(node.left, entity, variables) || holds(node.right, entity, variables);
    case 'not':
      return !holds(node.node, entity, variables);
    case 'in':
      return valuesOf(node.path).some((value) => node.values.some((wanted) => order(value, wanted) === 0));
    case 'any':
      return valuesOf(node.path).some((item) => holds(node.node, entity, { ...variables, [node.variable]: item }));
    case 'call':
      return valuesOf(node.path).some((value) => called(node.name, String(value), String(node.value)));
    case 'compare': {
      const values = valuesOf(node.path);
      if (node.operator === 'ne') return !values.some((value) => order(value, node.value) === 0);
      if (node.value === null) return values.length === 0;
      return values.some((value) => compares(node.operator, order(value, node.value)));
    }
  }
}

function called(name: string, value: string, wanted: string): boolean {
  if (name === 'startswith') return value.startsWith(wanted);
  return name === 'endswith' ? value.endsWith(wanted) : value.includes(wanted);
}

/** NaN when the two cannot be compared. */
function order(value: Json, wanted: Literal): number {
  if (typeof value === 'number') return value - Number(wanted);
  if (typeof value === 'boolean') return String(value) === String(wanted) ? 0 : NaN;
  if (typeof value !== 'string' || wanted === null) return NaN;
  const text = String(wanted);
  if (TIME.test(value) && TIME.test(text))
    return Date.parse(value) - Date.parse(text) || (value < text ? -1 : value > text ? 1 : 0);
  return value < text ? -1 : value > text ? 1 : 0;
}

function compares(operator: string, difference: number): boolean {
  switch (operator) {
    case 'gt':
      return difference > 0;
    case 'ge':
      return difference >= 0;
    case 'lt':
      return difference < 0;
    case 'le':
      return difference <= 0;
    default:
      return difference === 0;
  }
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  const pattern =
    /\s*(?:(?:[A-Za-z]\w*(?:\.\w+)+)?'((?:[^']|'')*)'|(\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))|(-?\d+(?:\.\d+)?)(?![\w-])|([\w$.\-/]+)|([(),:]))/y;
  let match: RegExpExecArray | null;
  while (pattern.lastIndex < text.trimEnd().length) {
    match = pattern.exec(text);
    if (match === null) throw new FilterError(`Invalid filter ${text}`);
    const [, quoted, time, number, word, symbol] = match;
    if (quoted !== undefined) found.push({ type: 'string', text: quoted.replaceAll("''", "'") });
    else if (time !== undefined) found.push({ type: 'string', text: time });
    else if (number !== undefined) found.push({ type: 'number', text: number });
    else if (word !== undefined) found.push({ type: 'word', text: word });
    else found.push({ type: 'symbol', text: symbol ?? '' });
  }
  return found;
}

class Parser {
  private at = 0;

  constructor(
    private readonly list: readonly Token[],
    private readonly text: string,
  ) {}

  parse(): Node {
    const node = this.or();
    if (this.at < this.list.length) throw this.error();
    return node;
  }

  private or(): Node {
    let left = this.and();
    while (this.word('or')) left = { kind: 'or', left, right: this.and() };
    return left;
  }

  private and(): Node {
    let left = this.term();
    while (this.word('and')) left = { kind: 'and', left, right: this.term() };
    return left;
  }

  private term(): Node {
    if (this.word('not')) return { kind: 'not', node: this.term() };
    if (this.symbol('(')) {
      const node = this.or();
      this.expect(')');
      return node;
    }
    const path = this.next('word');
    if (FUNCTIONS.includes(path) && this.symbol('(')) {
      const argument = this.next('word');
      this.expect(',');
      const value = this.literal();
      this.expect(')');
      return { kind: 'call', name: path, path: argument, value };
    }
    if (path.endsWith('/any') && this.symbol('(')) {
      const variable = this.next('word');
      this.expect(':');
      const node = this.or();
      this.expect(')');
      return { kind: 'any', path: path.slice(0, -'/any'.length), variable, node };
    }
    const operator = this.next('word');
    if (operator === 'in') {
      this.expect('(');
      const values = [this.literal()];
      while (this.symbol(',')) values.push(this.literal());
      this.expect(')');
      return { kind: 'in', path, values };
    }
    if (!COMPARISONS.includes(operator)) throw this.error();
    return { kind: 'compare', operator, path, value: this.literal() };
  }

  private literal(): Literal {
    const token = this.list[this.at++];
    if (token === undefined || token.type === 'symbol') throw this.error();
    if (token.type === 'string') return token.text;
    if (token.type === 'number') return Number(token.text);
    if (token.text === 'null') return null;
    // Bare words are enumeration members: `status eq FAILED`.
    return token.text === 'true' ? true : token.text === 'false' ? false : token.text.split('.').at(-1)!;
  }

  private next(type: Token['type']): string {
    const token = this.list[this.at++];
    if (token?.type !== type) throw this.error();
    return token.text;
  }

  private word(text: string): boolean {
    const token = this.list[this.at];
    if (token?.type !== 'word' || token.text !== text) return false;
    this.at++;
    return true;
  }

  private symbol(text: string): boolean {
    const token = this.list[this.at];
    if (token?.type !== 'symbol' || token.text !== text) return false;
    this.at++;
    return true;
  }

  private expect(text: string): void {
    if (!this.symbol(text)) throw this.error();
  }

  private error(): FilterError {
    return new FilterError(`Invalid filter ${this.text}`);
  }
}
