import { access, constants } from 'node:fs/promises';
import { extname, isAbsolute, posix, win32 } from 'node:path';
import type { ArchiveDocument, VmFile } from './document.ts';
import { folded, freeName, safeName } from './folder-name.ts';
import { ForeignFiles, NoAnswerError } from './foreign-files.ts';

const noAnswer = 'Its disk does not answer.';

/** The machine's own files as this host finds them now: what it can read gets a name to link it by. */
export async function lookAtFiles(
  { definition, vm, files: known }: ArchiveDocument,
  foreignFiles: ForeignFiles,
): Promise<VmFile[]> {
  const paths = definition?.files ?? vm.disks.flatMap(({ path }) => path ?? []);
  const taken = new Set(definition ? [folded(definition.file)] : []);
  const files: VmFile[] = [];
  for (const path of new Set(paths)) {
    const missing = await whyMissing(path, foreignFiles);
    if (missing === noAnswer) {
      // What was known before is more likely than that it is gone.
      const before = known.find(
        (file) => file.path === path && file.link !== undefined && !taken.has(folded(file.link)),
      );
      if (before) taken.add(folded(before.link!));
      files.push(before ?? { path, missing });
      continue;
    }
    if (missing !== undefined) {
      files.push({ path, missing });
      continue;
    }
    const link = linkName(path, taken);
    taken.add(folded(link));
    files.push({ path, link });
  }
  return files;
}

function linkName(path: string, taken: ReadonlySet<string>): string {
  const name = safeName(posix.basename(path));
  const extension = extname(name);
  const stem = name.slice(0, name.length - extension.length);
  return freeName(stem, (candidate) => taken.has(folded(candidate)), extension);
}

async function whyMissing(path: string, foreignFiles: ForeignFiles): Promise<string | undefined> {
  if (!isAbsolute(path)) {
    return win32.isAbsolute(path) ? 'It is on a Windows host.' : 'Its path is not absolute.';
  }
  try {
    await foreignFiles.look(path, () => access(path, constants.R_OK));
    return undefined;
  } catch (error) {
    return error instanceof NoAnswerError ? noAnswer : reasonFor(error as NodeJS.ErrnoException);
  }
}

/** Whatever it is, it is about this one path: no reason to stop the archives of other machines. */
function reasonFor({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'It is not on the host of the organizer.';
    case 'EACCES':
    case 'EPERM':
      return 'The organizer may not read it.';
    case 'ENAMETOOLONG':
      return 'Its path is longer than the host of the organizer takes.';
    case 'ELOOP':
      return 'The links in its path lead round in a circle.';
    default:
      return `The organizer cannot look at it: ${code ?? message}.`;
  }
}
