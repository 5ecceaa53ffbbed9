import { readFileSync } from 'node:fs';
import { replaceFile } from '../host/replace-file.ts';
import { Dictionary } from './dictionary.ts';

/** The dictionary in the file; a file that is missing is an empty dictionary when `optional`. */
export function readDictionary(path: string, { optional = false } = {}): Dictionary {
  try {
    return Dictionary.parse(readFileSync(path));
  } catch (cause) {
    if (optional && (cause as NodeJS.ErrnoException).code === 'ENOENT') return Dictionary.parse(Buffer.alloc(0));
    throw cause;
  }
}

/** Reads, changes and writes back in one step; untouched lines keep their bytes. */
export function editDictionary(path: string, edit: (dictionary: Dictionary) => void, { optional = false } = {}): void {
  const dictionary = readDictionary(path, { optional });
  edit(dictionary);
  replaceFile(path, dictionary.bytes());
}
