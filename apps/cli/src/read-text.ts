import { readFile } from 'node:fs/promises';
import { UsageError } from './declaration.ts';

/** The text of a file, or of standard input for `-`. Throws `UsageError`. */
export async function readText(file: string): Promise<string> {
  if (file !== '-')
    return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`${file} cannot be read (${error.code}).`);
    });
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
