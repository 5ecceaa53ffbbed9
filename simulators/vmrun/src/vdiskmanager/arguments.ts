/** What is asked of vmware-vdiskmanager. */
export interface DiskRequest {
  operation: string;
  size?: string;
  adapter?: string;
  type?: string;
  isQuiet: boolean;
  disks: string[];
}

const OPERATIONS = ['-c', '-d', '-k', '-p', '-D', '-U', '-R', '-e', '-n', '-r', '-x'];

/** The request, or the argument that is not understood. An operation may be followed by its disk or size directly. */
export function parseDiskArguments(argv: string[]): DiskRequest | { invalid: string } {
  const request: DiskRequest = { operation: '', isQuiet: false, disks: [] };
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!;
    if (OPERATIONS.includes(argument)) {
      request.operation = argument;
      if (argument === '-x') request.size = argv[++index] ?? '';
    } else if (argument === '-q') request.isQuiet = true;
    else if (argument === '-s') request.size = argv[++index] ?? '';
    else if (argument === '-a') request.adapter = argv[++index] ?? '';
    else if (argument === '-t') request.type = argv[++index] ?? '';
    else if (argument.startsWith('-')) return { invalid: argument[1] ?? '-' };
    else request.disks.push(argument);
  }
  return request;
}

const UNITS: Record<string, number> = {
  GB: 2 ** 30,
  G: 2 ** 30,
  MB: 2 ** 20,
  M: 2 ** 20,
  KB: 2 ** 10,
  K: 2 ** 10,
  '': 512,
};
const MIN_BYTES = 2 ** 20;
const MAX_BYTES = 8192 * 2 ** 30;
const BUSLOGIC_MAX_BYTES = 2040 * 2 ** 30;

/** Sectors of a size such as `20GB`, `40000M` or a plain number of sectors; undefined when it is none or out of bounds. */
export function sectorsOf(size: string, adapter: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(size);
  const unit = UNITS[match?.[2]?.toUpperCase() ?? '?'];
  if (!match || unit === undefined) return undefined;
  const bytes = Math.floor(Number(match[1]) * unit);
  const largest = adapter === 'buslogic' ? BUSLOGIC_MAX_BYTES : MAX_BYTES;
  return bytes < MIN_BYTES || bytes > largest ? undefined : Math.floor(bytes / 512);
}
