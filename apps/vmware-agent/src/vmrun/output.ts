import { decodeLossy } from '../vmx/text-encoding.ts';

/** Lines of a program's output without line ends; empty ones are gone. UTF-8 where it is that, else the code page given. */
export function linesOf(output: Buffer, codePage: string): string[] {
  return textOf(output, codePage)
    .split(/\r*\n|\r/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}

function textOf(output: Buffer, codePage: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(output);
  } catch {
    return decodeLossy(output, codePage);
  }
}

const versionBanner = /^vmrun version (\d+\.\d+\.\d+)(?:\.(\d+)| build-(\d+))?/m;

/** `1.17.0.24995812` and `1.17.0 build-17801498` are two spellings of the same. */
export function parseBanner(lines: readonly string[]): { version: string; build?: string } | undefined {
  const match = versionBanner.exec(lines.join('\n'));
  if (!match) return undefined;
  const build = match[2] ?? match[3];
  return { version: match[1]!, ...(build !== undefined && { build }) };
}

/** `VMware Workstation 17.6.3 build-24583834`, also `25H2`. */
export function parseProduct(lines: readonly string[]): { name: string; version: string; build: string } | undefined {
  const match = /^(VMware [A-Za-z ]+?) (\S+) build-(\d+)/m.exec(lines.join('\n'));
  return match ? { name: match[1]!, version: match[2]!, build: match[3]! } : undefined;
}

/** Paths behind `Total running VMs: N`. A line that does not end in .vmx is somebody's log. */
export function parseRunning(lines: readonly string[]): string[] {
  const header = lines.findIndex((line) => /^Total running VMs: \d+/.test(line));
  if (header === -1) throw new SyntaxError(`not a list of VMs: ${lines.join(' / ')}`);
  return lines.slice(header + 1).filter((line) => /\.vmx$/i.test(line));
}

export interface HostNetwork {
  readonly name: string;
  readonly type: string;
  readonly dhcp: boolean;
  readonly subnet?: string;
  readonly mask?: string;
}

/** The table of `listHostNetworks`. */
export function parseHostNetworks(lines: readonly string[]): HostNetwork[] {
  return lines.flatMap((line) => {
    const match = /^\d+\s+(\S+)\s+(\S+)\s+(true|false)\s+(\S+)\s+(\S+)/i.exec(line);
    if (!match) return [];
    const [, name, type, dhcp, subnet, mask] = match;
    const given = (value: string | undefined) => (value === undefined || /^empty$/i.test(value) ? undefined : value);
    return {
      name: name!,
      type: type!,
      dhcp: dhcp!.toLowerCase() === 'true',
      ...(given(subnet) !== undefined && { subnet: subnet! }),
      ...(given(mask) !== undefined && { mask: mask! }),
    };
  });
}

/** The word of `checkToolsState`; older builds say `notRunning`. */
export const parseToolsState = (lines: readonly string[]): string => (lines.at(-1) ?? 'unknown').toLowerCase();

/** Whether `vmcli power query -f json` says that a VM is paused; undefined for a word that nobody has told of. */
export function parsePaused(lines: readonly string[]): boolean | undefined {
  const word = /"PowerState"\s*:\s*"(\w+)"/i.exec(lines.join(''))?.[1] ?? '';
  if (/^(is)?paused$/i.test(word)) return true;
  return /^((powered)?(on|off)|running|(is)?suspended)$/i.test(word) ? false : undefined;
}

/**
 * What a failed call said, without its prefix; undefined for a success. An `Error:` counts even with exit 0, and it may stand
 * behind lines of a log.
 */
export function failureOf({
  exit,
  lines,
  errorLines,
}: {
  exit: number | null;
  lines: readonly string[];
  errorLines: readonly string[];
}): string | undefined {
  const all = [...lines, ...errorLines];
  const told = all.find((line) => line.startsWith('Error: '));
  const hint = all.find((line) => /^Unable to connect to host/.test(line));
  if (told !== undefined) return [hint, told.slice('Error: '.length)].filter(Boolean).join(' ');
  if (exit === 0) return undefined;
  // A program that falls over says what happened somewhere above its last line.
  const fall = all.find((line) => /^\w*(Error|Exception)\b.*:/.test(line));
  return fall ?? all.at(-1) ?? (exit === null ? 'it was killed' : `it ended with ${exit} and said nothing`);
}
