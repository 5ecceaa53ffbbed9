import { readFileSync } from 'node:fs';
import { CATALOGUE, INSTALLATION_KNOBS, newestHardwareOf, REALISTIC, type KnobName, type Knobs } from './catalogue.ts';
import { readFault, type Fault } from './fault.ts';
import { faultOf, initialValue } from './knob.ts';
import { matchesGlob } from './glob.ts';

interface MachineKnobs {
  vmx: string;
  knobs: Partial<Knobs>;
}

/** What the knob files say, merged. */
export interface Settings {
  knobs: Knobs;
  /** Knobs of single VMs, by path pattern; later ones win. */
  machines: MachineKnobs[];
  faults: Fault[];
  /** The files as they were read; undefined for one that is not there. */
  texts: (string | undefined)[];
}

/** Thrown with every fault of the file: a knob with a typing error would otherwise silently test nothing. */
export class KnobFileFault extends Error {
  constructor(path: string, faults: string[]) {
    super(`vmrun simulator: ${path}: ${faults.join('; ')}`);
  }
}

/** Reads the files in order, later ones over earlier ones; faults add up. Missing files are empty. */
export function readSettings(paths: (string | undefined)[]): Settings {
  const settings: Settings = { knobs: defaults(), machines: [], faults: [], texts: [] };
  for (const path of paths) if (path) mergeFile(settings, path);
  settings.knobs.maxHardwareVersion ||= newestHardwareOf(settings.knobs.productVersion);
  return settings;
}

/** The knobs that hold for one VM. */
export function knobsFor(settings: Settings, ...paths: string[]): Knobs {
  const own = settings.machines.filter(({ vmx }) => paths.some((path) => matchesGlob(vmx, path)));
  return Object.assign({}, settings.knobs, ...own.map((entry) => entry.knobs)) as Knobs;
}

function defaults(): Knobs {
  return Object.fromEntries(Object.entries(CATALOGUE).map(([name, knob]) => [name, initialValue(knob)])) as Knobs;
}

function mergeFile(settings: Settings, path: string): void {
  const text = readText(path);
  settings.texts.push(text);
  if (text === undefined) return;
  const content = parsed(text, path);
  const { latency, machines, faults, ...knobs } = content;
  const wrong: string[] = [];
  if (latency === 'realistic') Object.assign(settings.knobs, REALISTIC);
  else if (latency !== undefined && latency !== 'none') wrong.push('latency must be none or realistic');
  Object.assign(settings.knobs, checked(knobs, wrong));
  for (const entry of listOf(machines, 'machines', wrong)) {
    const { vmx, ...own } = entry as Record<string, unknown>;
    if (typeof vmx !== 'string') wrong.push('machines: vmx must be a pattern');
    else settings.machines.push({ vmx, knobs: checked(own, wrong, true) });
  }
  for (const entry of listOf(faults, 'faults', wrong)) {
    const fault = readFault(entry);
    if (typeof fault === 'string') wrong.push(`faults: ${fault}`);
    else settings.faults.push(fault);
  }
  if (wrong.length > 0) throw new KnobFileFault(path, wrong);
}

function checked(given: Record<string, unknown>, wrong: string[], isMachine = false): Partial<Knobs> {
  for (const [name, value] of Object.entries(given)) {
    if (!(name in CATALOGUE)) {
      wrong.push(`unknown knob ${name}`);
    } else if (isMachine && INSTALLATION_KNOBS.has(name as KnobName)) {
      wrong.push(`${name} cannot be set for one VM`);
    } else {
      const fault = faultOf(CATALOGUE[name as KnobName], value);
      if (fault) wrong.push(`${name} ${fault}`);
    }
  }
  return given as Partial<Knobs>;
}

function listOf(value: unknown, name: string, wrong: string[]): unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  wrong.push(`${name} must be a list`);
  return [];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

function parsed(text: string, path: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new KnobFileFault(path, ['is not JSON']);
  }
}
