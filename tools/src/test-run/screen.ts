/** As much of a stream as is written to. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Lines that stay, and below them lines that are drawn anew whenever they change. Where there is no terminal, only lines that stay. */
export class Screen {
  readonly #terminal: Terminal;
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get isLive(): boolean {
    return this.#terminal.isTTY === true;
  }

  /** Prints text that stays. */
  print(text: string): void {
    this.#terminal.write(`${this.#erase()}${text}\n${this.#draw()}`);
  }

  /** Replaces the lines below what stays. */
  show(lines: readonly string[]): void {
    if (!this.isLive) return;
    const erase = this.#erase();
    // A line that wraps could not be erased. Some terminals do not know their width.
    const width = (this.#terminal.columns || 80) - 1;
    this.#drawn = lines.map((line) => line.slice(0, width));
    this.#terminal.write(`${erase}${this.#draw()}`);
  }

  #erase(): string {
    return this.#drawn.length === 0 ? '' : `\x1b[${this.#drawn.length}A\x1b[J`;
  }

  #draw(): string {
    return this.#drawn.map((line) => `${line}\n`).join('');
  }
}
