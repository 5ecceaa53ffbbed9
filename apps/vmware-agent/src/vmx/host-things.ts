import { isAbsolute, win32 } from 'node:path';
import type { Dictionary } from './dictionary.ts';

/** Ports of the host that a configuration opens for one VM only. */
const ports =
  /^(RemoteDisplay\.vnc\.|debugStub\.(listen|port)\.|sched\.swap\.(derivedName|dir)$|vc\.uuid$|vmci0\.id$|migrate\.hostLog)/i;
/** Places of files, when they lie outside the folder of the VM. */
const places = ['workingDir', 'log.fileName', 'vmx.log.filename', 'vmxstats.filename', 'nvram'] as const;

export interface Renewal {
  readonly set: Readonly<Record<string, string>>;
  readonly drop: readonly string[];
  readonly notes: readonly string[];
}

/**
 * What names something on the host in the configuration of a source, and what a clone has in its place, so that both can run at
 * once: files and pipes of serial and parallel ports get a name of their own, what only one VM can have is left out.
 */
export function renewalOf(source: Dictionary, stem: string): Renewal {
  const set: Record<string, string> = {};
  const drop: string[] = [];
  const notes: string[] = [];
  for (const key of source.keys()) if (ports.test(key)) drop.push(key);
  for (const key of places) {
    const value = source.get(key);
    if (value !== undefined && (isAbsolute(value) || win32.isAbsolute(value))) drop.push(key);
  }
  for (const device of portDevices(source)) {
    const type = (source.get(`${device}.fileType`) ?? 'device').toLowerCase();
    const name = source.get(`${device}.fileName`) ?? '';
    const fresh =
      type === 'file' ? `${stem}-${device}${endingOf(name)}` : type === 'pipe' ? pipeOf(name, stem) : undefined;
    if (fresh === undefined) {
      set[`${device}.present`] = 'FALSE';
      notes.push(`Left out ${device}: only one VM can have ${name === '' ? `its ${type}` : name}.`);
    } else {
      set[`${device}.fileName`] = fresh;
      notes.push(`Gave ${device} the ${type} ${fresh}, as ${name} is that of the source.`);
    }
  }
  return { set, drop, notes };
}

const portDevices = (vmx: Dictionary): string[] =>
  vmx.keys().flatMap((key) => {
    const device = /^((?:serial|parallel)\d+)\.present$/i.exec(key)?.[1];
    return device !== undefined && vmx.isTrue(key) ? device.toLowerCase() : [];
  });

const endingOf = (path: string): string => /\.[A-Za-z0-9]{1,8}$/.exec(path)?.[0] ?? '.log';

/** Beside the one of the source, where the other end is looked for. */
const pipeOf = (path: string, stem: string): string => `${path}-${stem}`;
