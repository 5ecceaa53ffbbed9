import { randomBytes } from 'node:crypto';

export const SECTOR = 512;
const NO_PARENT = 'ffffffff';

export interface Extent {
  sectors: number;
  kind: 'SPARSE' | 'FLAT' | 'VMFS' | 'ZERO';
  file: string;
  /** First sector within a flat file. */
  offset: number;
}

const EXTENT = /^(?:RW|RDONLY|NOACCESS)\s+(\d+)\s+(SPARSE|FLAT|VMFS|ZERO)(?:\s+"([^"]*)"(?:\s+(\d+))?)?\s*$/;
const QUOTED = new Set(['createType', 'parentFileNameHint']);

/** The text part of a VMDK. Lines that nobody changes stay as they are. */
export class Descriptor {
  private lines: string[];

  constructor(text: string) {
    this.lines = text.replace(/\0+$/, '').split(/\r?\n/);
  }

  static of(parts: { createType: string; extents: Extent[]; adapter: string; hardwareVersion: string }): Descriptor {
    const sectors = parts.extents.reduce((sum, extent) => sum + extent.sectors, 0);
    const [heads, perTrack] = geometry(parts.adapter, sectors);
    const descriptor = new Descriptor(
      [
        '# Disk DescriptorFile',
        'version=1',
        'encoding="UTF-8"',
        `CID=${newContentId()}`,
        `parentCID=${NO_PARENT}`,
        `createType="${parts.createType}"`,
        '',
        '# Extent description',
        ...parts.extents.map(formatExtent),
        '',
        '# The Disk Data Base',
        '#DDB',
        '',
        `ddb.adapterType = "${parts.adapter}"`,
        `ddb.geometry.cylinders = "${Math.min(Math.floor(sectors / (heads * perTrack)), 65535)}"`,
        `ddb.geometry.heads = "${heads}"`,
        `ddb.geometry.sectors = "${perTrack}"`,
        `ddb.longContentID = "${randomBytes(16).toString('hex')}"`,
        `ddb.uuid = "60 00 C2 9${randomBytes(1).toString('hex').toUpperCase()[0]} ${randomUuidTail()}"`,
        `ddb.virtualHWVersion = "${parts.hardwareVersion}"`,
        '',
      ].join('\n'),
    );
    return descriptor;
  }

  get(key: string): string | undefined {
    for (const line of this.lines) {
      const entry = /^\s*([\w.]+)\s*=\s*"?(.*?)"?\s*$/.exec(line);
      if (entry?.[1]?.toLowerCase() === key.toLowerCase()) return entry[2];
    }
    return undefined;
  }

  set(key: string, value: string): void {
    const isDatabase = key.startsWith('ddb.');
    const line = isDatabase ? `${key} = "${value}"` : `${key}=${QUOTED.has(key) ? `"${value}"` : value}`;
    const index = this.lines.findIndex((candidate) => new RegExp(`^\\s*${key}\\s*=`, 'i').test(candidate));
    if (index >= 0) this.lines[index] = line;
    else if (isDatabase) this.lines.splice(this.lines.at(-1) === '' ? -1 : this.lines.length, 0, line);
    else this.lines.splice(this.lines.findIndex((candidate) => /^\s*createType\s*=/i.test(candidate)) + 1, 0, line);
  }

  get contentId(): string {
    return this.get('CID') ?? '';
  }

  get parentContentId(): string | undefined {
    const id = this.get('parentCID');
    return id === undefined || id.toLowerCase() === NO_PARENT ? undefined : id;
  }

  get parentHint(): string | undefined {
    return this.parentContentId === undefined ? undefined : this.get('parentFileNameHint');
  }

  get createType(): string {
    return this.get('createType') ?? '';
  }

  get extents(): Extent[] {
    return this.lines.flatMap((line) => {
      const extent = EXTENT.exec(line);
      if (!extent) return [];
      return {
        sectors: Number(extent[1]),
        kind: extent[2] as Extent['kind'],
        file: extent[3] ?? '',
        offset: Number(extent[4] ?? 0),
      };
    });
  }

  set extents(extents: Extent[]) {
    const first = this.lines.findIndex((line) => EXTENT.test(line));
    this.lines = this.lines.filter((line) => !EXTENT.test(line));
    this.lines.splice(first, 0, ...extents.map(formatExtent));
  }

  get sectors(): number {
    return this.extents.reduce((sum, extent) => sum + extent.sectors, 0);
  }

  text(): string {
    return this.lines.join('\n');
  }
}

export function newContentId(): string {
  return randomBytes(4).toString('hex');
}

function formatExtent({ sectors, kind, file, offset }: Extent): string {
  return `RW ${sectors} ${kind} "${file}"${kind === 'FLAT' ? ` ${offset}` : ''}`;
}

function geometry(adapter: string, sectors: number): [heads: number, sectorsPerTrack: number] {
  if (adapter === 'ide') return [16, 63];
  const gibibytes = (sectors * SECTOR) / 2 ** 30;
  return gibibytes < 1 ? [64, 32] : gibibytes < 2 ? [128, 32] : [255, 63];
}

function randomUuidTail(): string {
  const bytes = [...randomBytes(12)].map((byte) => byte.toString(16).padStart(2, '0'));
  return `${bytes.slice(0, 4).join(' ')}-${bytes.slice(4).join(' ')}`;
}
