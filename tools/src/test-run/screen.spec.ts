import { describe, expect, it } from '@jest/globals';
import { Screen } from './screen.ts';

/** What a person sees: cursor up, erase below, text. */
class FakeTerminal {
  readonly columns = 20;
  readonly isTTY: boolean;
  written = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.written += text;
  }

  get lines(): string[] {
    const lines: string[] = [''];
    // eslint-disable-next-line no-control-regex
    for (const part of this.written.split(/(\x1b\[\d*[AJ]|\n)/)) {
      const up = /\[(\d+)A/.exec(part);
      if (up) lines.splice(lines.length - 1 - Number(up[1]), Infinity, '');
      else if (part === '\n') lines.push('');
      else if (!part.startsWith('\x1b')) lines[lines.length - 1] = (lines.at(-1) ?? '') + part;
    }
    return lines.slice(0, -1);
  }
}

describe('Screen', () => {
  it('draws the lines below anew, and keeps what was printed above them', () => {
    const terminal = new FakeTerminal(true);
    const screen = new Screen(terminal);
    screen.print('first');
    screen.show(['a 1', 'b 1']);
    screen.show(['a 2', 'b 1']);
    expect(terminal.lines).toEqual(['first', 'a 2', 'b 1']);
    screen.print('second');
    expect(terminal.lines).toEqual(['first', 'second', 'a 2', 'b 1']);
    screen.show([]);
    expect(terminal.lines).toEqual(['first', 'second']);
  });

  it('lets no line wrap', () => {
    const terminal = new FakeTerminal(true);
    new Screen(terminal).show(['x'.repeat(50)]);
    expect(terminal.lines).toEqual(['x'.repeat(19)]);
  });

  it('only prints where there is no terminal', () => {
    const terminal = new FakeTerminal(false);
    const screen = new Screen(terminal);
    screen.show(['a 1']);
    screen.print('first');
    expect(terminal.written).toBe('first\n');
  });
});
