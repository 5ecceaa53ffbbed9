import { Duplex } from 'node:stream';
import { ProblemError } from '@polyvirt/contracts';

const control = {
  interrupt: '\x03',
  backspace: '\b',
  erase: '\x7f',
  kill: '\x15',
  enter: '\r',
  newline: '\n',
} as const;

/** What the guest at a terminal has to say to a line; undefined is a command that it does not know. */
export type Answer = (words: readonly string[]) => string | undefined;

/** A shell at the end of a serial line: it echoes what is typed, and answers when Enter is pressed. */
export class FakeTerminal extends Duplex {
  #line = '';

  /** `isUp` says whether a guest is there to listen. */
  constructor(
    private readonly prompt: string,
    private readonly answer: Answer,
    private readonly isUp: () => boolean,
  ) {
    super();
  }

  /** The guest is up and waits for a command. */
  greet(): void {
    if (!this.destroyed) this.push(this.prompt);
  }

  /** Somebody else has opened it. */
  takeOver(): void {
    this.destroy(new ProblemError('host-rejected', 'Somebody else has opened this console.'));
  }

  override _read(): void {
    // Everything is pushed when it is typed.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // Nobody hears what is typed before the guest has booted.
    if (this.isUp()) for (const key of chunk.toString()) this.#press(key);
    done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.push(null);
    done();
  }

  #press(key: string): void {
    switch (key) {
      case control.enter:
      case control.newline:
        this.push(`\r\n${this.#execute()}${this.prompt}`);
        this.#line = '';
        return;
      case control.interrupt:
        this.push(`^C\r\n${this.prompt}`);
        this.#line = '';
        return;
      case control.kill:
        this.push('\b \b'.repeat(this.#line.length));
        this.#line = '';
        return;
      case control.backspace:
      case control.erase:
        if (this.#line === '') return;
        this.#line = this.#line.slice(0, -1);
        this.push('\b \b');
        return;
      default:
        if (key < ' ') return;
        this.#line += key;
        this.push(key);
    }
  }

  #execute(): string {
    const words = wordsOf(this.#line);
    const [command] = words;
    if (command === undefined) return '';
    const said = this.answer(words) ?? `-sh: ${command}: not found\n`;
    return said.replaceAll('\n', '\r\n');
  }
}

/** As a shell takes a line apart: quotes hold words together, and go. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word.replaceAll(/["']/g, ''));
