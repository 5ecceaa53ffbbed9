import { readFile } from 'node:fs/promises';
import { UsageError } from './declaration.ts';

let isRead = false;

/** The text of a file, or of standard input for `-`. Throws `UsageError`, also where standard input is read already. */
export async function readText(file: string): Promise<string> {
  const text = file === '-' ? await readInput() : await readFile(file, 'utf8').catch(unreadable(file));
  // Editors of Windows begin a file with a byte order mark.
  return text.replace(/^\uFEFF/, '');
}

const unreadable = (file: string) => (error: NodeJS.ErrnoException) => {
  throw new UsageError(`${file} cannot be read (${error.code}).`);
};

async function readInput(): Promise<string> {
  if (isRead) throw new UsageError('Standard input holds one thing only; put the other one into a file.');
  isRead = true;
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
