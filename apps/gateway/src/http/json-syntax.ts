/** Where a text ceases to be JSON: the offset of the first character that cannot stand there, or the length of the text. */
export function offsetOfSyntaxFault(text: string): number {
  const closers: ('}' | ']')[] = [];
  let expected: 'value' | 'valueOrEnd' | 'key' | 'keyOrEnd' | 'colon' | 'more' = 'value';
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const character = text[at]!;
    const mayEnd = expected === 'more' || expected === 'valueOrEnd' || expected === 'keyOrEnd';
    if (mayEnd && closers.length > 0 && character === closers.at(-1)) {
      closers.pop();
      expected = 'more';
      at += 1;
    } else if (expected === 'more') {
      if (character !== ',' || closers.length === 0) return at;
      expected = closers.at(-1) === '}' ? 'key' : 'value';
      at += 1;
    } else if (expected === 'colon') {
      if (character !== ':') return at;
      expected = 'value';
      at += 1;
    } else if (expected === 'key' || expected === 'keyOrEnd') {
      if (character !== '"') return at;
      const end = endOfString(text, at);
      if (!end.closed) return end.at;
      expected = 'colon';
      at = end.at;
    } else if (character === '{' || character === '[') {
      closers.push(character === '{' ? '}' : ']');
      expected = character === '{' ? 'keyOrEnd' : 'valueOrEnd';
      at += 1;
    } else {
      const end = character === '"' ? endOfString(text, at) : endOfScalar(text, at);
      if (!end.closed) return end.at;
      expected = 'more';
      at = end.at;
    }
    at = skipSpace(text, at);
  }
  return text.length;
}

interface End {
  at: number;
  /** Whether what began has come to its end; if not, `at` is the fault. */
  closed: boolean;
}

const space = /[ \t\n\r]*/y;
const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const firstPrintable = 0x20;

function skipSpace(text: string, at: number): number {
  space.lastIndex = at;
  space.exec(text);
  return space.lastIndex;
}

function endOfScalar(text: string, at: number): End {
  scalar.lastIndex = at;
  return scalar.exec(text) ? { at: scalar.lastIndex, closed: true } : { at, closed: false };
}

function endOfString(text: string, start: number): End {
  let at = start + 1;
  while (at < text.length) {
    if (text[at] === '"') return { at: at + 1, closed: true };
    if (text.charCodeAt(at) < firstPrintable) break;
    if (text[at] === '\\') {
      escape.lastIndex = at;
      if (!escape.exec(text)) break;
      at = escape.lastIndex;
    } else {
      at += 1;
    }
  }
  return { at, closed: false };
}
