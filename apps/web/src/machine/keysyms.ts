/** Keysyms of X11: https://www.x.org/releases/current/doc/xproto/x11protocol.html#keysym_encoding */
export const keysyms = {
  ...{
    Shift: 0xffe1,
    Control: 0xffe3,
    Alt: 0xffe9,
    F1: 0xffbe,
    Tab: 0xff09,
    Return: 0xff0d,
    Escape: 0xff1b,
    Super: 0xffeb,
  },
} as const;

const unicode = 0x1_00_00_00;
/** Up to here a character is its own keysym. */
const latin1 = 0xff;

/** Characters that are typed with Shift on the keyboard that hypervisors give to machines, beside upper-case letters. */
const shifted = /[~!@#$%^&*()_+{}|:"<>?]/;

/** A key to press, and whether Shift is held meanwhile. */
export type Stroke = readonly [keysym: number, isShifted: boolean];

/** The keys that type a text, one after the other; a line ends with one Return, whatever it ends with in the text. */
export function strokesOf(text: string): Stroke[] {
  return Array.from(text.replaceAll(/\r\n?/g, '\n'), (character) => {
    if (character === '\n') return [keysyms.Return, false];
    if (character === '\t') return [keysyms.Tab, false];
    const point = character.codePointAt(0)!;
    const isShifted = shifted.test(character) || character.toLowerCase() !== character;
    return [point <= latin1 ? point : unicode + point, isShifted];
  });
}
