import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '@polyvirt/tools';

/** A fenced block of the guide that a path stands above. */
interface Block {
  /** Below the repository. */
  readonly path: string;
  readonly text: string;
}

/** What `docs/drivers.md` tells the reader to write. */
export interface Guide {
  readonly text: string;
  /** Whole files of the new app. */
  readonly files: readonly Block[];
  /** Changes of files that are there, each as lines of a diff. */
  readonly changes: readonly Block[];
}

/** The app that the guide makes. */
export const guideApp = 'apps/folder-agent';

export async function readGuide(): Promise<Guide> {
  const text = await readFile(join(root, 'docs/drivers.md'), 'utf8');
  const files: Block[] = [];
  const changes: Block[] = [];
  for (const [, path, language, block] of text.matchAll(/^`([^`\n]+)`\n\n```(\w+)\n([\s\S]*?)^```$/gm))
    (language === 'diff' ? changes : files).push({ path: path!, text: block! });
  return { text, files, changes };
}

/** The lines that a hunk of a diff expects to find, without those it adds. */
export function linesBefore(hunk: string): string {
  const lines = hunk.split('\n').filter((line) => line !== '' && !line.startsWith('+'));
  return lines.map((line) => line.slice(1)).join('\n');
}
