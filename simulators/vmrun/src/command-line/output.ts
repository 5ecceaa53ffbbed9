import type { Knobs } from '../knobs/catalogue.ts';
import { encodeLossy } from '../dictionary/text-encoding.ts';

/** Prints lines as the platform does (line ends, code page) and resolves when the pipe has them. */
export function printLines(lines: string[], knobs: Knobs, stream: NodeJS.WriteStream = process.stdout): Promise<void> {
  const spoken = lines.map((line) => inThisBuild(line, knobs));
  if (knobs.preamble !== '') spoken.unshift(knobs.preamble);
  if (spoken.length === 0) return Promise.resolve();
  const end = knobs.style === 'windows' ? '\r\n' : '\n';
  return printBytes(encodeLossy(spoken.map((line) => line + end).join(''), consoleEncoding(knobs)), stream);
}

/** Resolves when written, or when nobody reads any more. */
export function printBytes(bytes: Buffer | string, stream: NodeJS.WriteStream = process.stdout): Promise<void> {
  stream.on('error', () => {
    // The reader left; the command goes on, as vmrun does.
  });
  return new Promise((resolve) => stream.write(bytes, () => resolve()));
}

function consoleEncoding(knobs: Knobs): string {
  if (knobs.codePage !== '') return knobs.codePage;
  return knobs.style === 'windows' ? 'windows-1252' : 'utf-8';
}

/** The line as a localised or differently worded build prints it. */
function inThisBuild(line: string, knobs: Knobs): string {
  return Object.entries(knobs.texts).reduce((text, [original, other]) => text.replaceAll(original, other), line);
}
