import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { editDictionary, readDictionary } from '../vmx/dictionary-file.ts';
import { suspendFileOf } from '../vmx/hardware-reader.ts';
import { isThere } from '../inventory/discovery.ts';
import { beside } from './vmdk.ts';

/** Path of what a suspended VM resumes from; undefined when it is not suspended. */
export async function savedMemoryOf(vmx: string): Promise<string | undefined> {
  const configuration = await readDictionary(vmx);
  const name = configuration && suspendFileOf(configuration);
  if (name === undefined) return undefined;
  const path = beside(vmx, name);
  return (await isThere(path)) ? path : undefined;
}

/** No command of VMware does it: the next start is from power-off, and the files are gone. */
export async function discardSavedMemory(vmx: string, path: string): Promise<void> {
  await editDictionary(vmx, (dictionary) => {
    // A state that is named and not there keeps it from starting.
    dictionary.set('checkpoint.vmState', '');
    dictionary.set('cleanShutdown', 'TRUE');
  });
  // A configuration can name any file of the host.
  if (dirname(path) !== dirname(vmx)) return;
  for (const file of [path, path.replace(/\.vmss$/i, '.vmem')]) await rm(file, { force: true });
}
