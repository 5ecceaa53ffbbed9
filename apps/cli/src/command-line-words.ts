/** A command line of a shell that is being typed, up to the cursor. */
export interface Typed {
  /** Behind the program, as the program would get them; the last one is not finished and may be empty. */
  readonly words: readonly string[];
  /** What a candidate for the last word becomes on the command line; undefined if the shell cannot put it there. */
  readonly insert: (candidate: string) => string | undefined;
}

const needsNoQuotes = /[\w./~:@%+,=^-]|[^\p{ASCII}]/u;

/**
 * Reads a command line as bash does, and evaluates nothing of it. Bash replaces only what follows the last of `breaks` in the
 * unfinished word, and wants what it inserts with its quotes, unless there is one open already.
 */
export function readBashLine(line: string, breaks: string): Typed {
  const words: string[] = [];
  let word = '';
  /** Whether there is a word, were it an empty one in quotes. */
  let begun = false;
  /** How much of the word bash keeps, in letters of the word. */
  let kept = 0;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const letter = line[at]!;
    const isEscape = letter === '\\' && quote !== "'" && at + 1 < line.length;
    if (isEscape && (quote === '' || /["\\$`]/.test(line[at + 1]!))) {
      word += line[(at += 1)]!;
      begun = true;
    } else if (quote !== '') {
      if (letter === quote) quote = '';
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      begun = true;
      kept = word.length;
    } else if (/\s/.test(letter)) {
      if (begun) words.push(word);
      [word, begun, kept] = ['', false, 0];
    } else {
      word += letter;
      begun = true;
      if (breaks.includes(letter)) kept = word.length;
    }
  }
  words.push(word);
  const [open, behind] = [quote, kept];
  const typed = word;
  return {
    words: words.slice(1),
    insert: (candidate) => {
      if (candidate.slice(0, behind) !== typed.slice(0, behind)) return undefined;
      const rest = candidate.slice(behind);
      if (open === "'") return rest.includes("'") ? undefined : rest;
      if (open === '"') return rest.replace(/["\\$`]/g, '\\$&');
      const quoted = [...rest].map((letter) => (needsNoQuotes.test(letter) ? letter : `\\${letter}`)).join('');
      return behind === 0 ? quoted.replace(/^~/, '\\~') : quoted;
    },
  };
}
