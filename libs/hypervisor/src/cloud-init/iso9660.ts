/** ISO 9660 with a Joliet tree beside it: a small volume of files in its root, as cloud-init's NoCloud source reads it. */
const SECTOR = 2_048;
const EPOCH = new Date(Date.UTC(2000, 0, 1));

/** First sectors of the layout: 16 system sectors, three descriptors, four path tables, two root folders, then the files. */
const PRIMARY = 16;
const JOLIET = 17;
const TERMINATOR = 18;
const PATH_TABLES = { primaryLittle: 19, primaryBig: 20, jolietLittle: 21, jolietBig: 22 };
const PRIMARY_ROOT = 23;
const JOLIET_ROOT = 24;
const FILES = 25;

export interface IsoFile {
  /** Name in the root of the volume, such as `user-data`. */
  readonly name: string;
  readonly content: Buffer;
}

/** Makes the image of a volume; the same input gives the same bytes. Throws a RangeError when a root folder would not fit a sector. */
export function buildIso(label: string, files: readonly IsoFile[]): Buffer {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const placed: { file: IsoFile; sector: number }[] = [];
  let next = FILES;
  for (const file of sorted) {
    placed.push({ file, sector: next });
    next += Math.max(1, Math.ceil(file.content.length / SECTOR));
  }

  const image = Buffer.alloc(next * SECTOR);
  const sector = (index: number) => image.subarray(index * SECTOR, (index + 1) * SECTOR);
  const ascii: Encode = (value) => Buffer.from(value, 'latin1');
  const ucs2: Encode = (value) => Buffer.from(value, 'utf16le').swap16();

  writeDescriptor(
    sector(PRIMARY),
    1,
    label,
    ascii,
    next,
    PRIMARY_ROOT,
    PATH_TABLES.primaryLittle,
    PATH_TABLES.primaryBig,
  );
  writeDescriptor(sector(JOLIET), 2, label, ucs2, next, JOLIET_ROOT, PATH_TABLES.jolietLittle, PATH_TABLES.jolietBig);
  sector(TERMINATOR).set([255, ...Buffer.from('CD001'), 1]);
  for (const [table, root, big] of [
    [PATH_TABLES.primaryLittle, PRIMARY_ROOT, false],
    [PATH_TABLES.primaryBig, PRIMARY_ROOT, true],
    [PATH_TABLES.jolietLittle, JOLIET_ROOT, false],
    [PATH_TABLES.jolietBig, JOLIET_ROOT, true],
  ] as const)
    writePathTable(sector(table), root, big);
  writeRoot(sector(PRIMARY_ROOT), PRIMARY_ROOT, placed, ascii);
  writeRoot(sector(JOLIET_ROOT), JOLIET_ROOT, placed, ucs2);
  for (const { file, sector: at } of placed) file.content.copy(image, at * SECTOR);
  return image;
}

type Encode = (value: string) => Buffer;

/** Numbers of ISO 9660 stand in both byte orders, one after the other. */
function bothEndian32(target: Buffer, offset: number, value: number): void {
  target.writeUInt32LE(value, offset);
  target.writeUInt32BE(value, offset + 4);
}

function bothEndian16(target: Buffer, offset: number, value: number): void {
  target.writeUInt16LE(value, offset);
  target.writeUInt16BE(value, offset + 2);
}

function writeDescriptor(
  target: Buffer,
  type: 1 | 2,
  label: string,
  encode: Encode,
  sectors: number,
  root: number,
  little: number,
  big: number,
): void {
  const blank = (offset: number, length: number) => {
    const space = encode(' ');
    for (let at = 0; at + space.length <= length; at += space.length) space.copy(target, offset + at);
  };
  target.writeUInt8(type, 0);
  target.write('CD001', 1, 'latin1');
  target.writeUInt8(1, 6);
  blank(8, 32);
  blank(40, 32);
  encode(label).copy(target, 40, 0, 32);
  bothEndian32(target, 80, sectors);
  // The escape sequence that says Joliet, level 3.
  if (type === 2) target.write('%/E', 88, 'latin1');
  bothEndian16(target, 120, 1);
  bothEndian16(target, 124, 1);
  bothEndian16(target, 128, SECTOR);
  bothEndian32(target, 132, 10);
  target.writeUInt32LE(little, 140);
  target.writeUInt32BE(big, 148);
  record(root, SECTOR, true, Buffer.from([0])).copy(target, 156);
  for (const [offset, length] of [
    [190, 128],
    [318, 128],
    [446, 128],
    [574, 128],
    [702, 37],
    [739, 37],
    [776, 37],
  ] as const)
    blank(offset, length);
  for (const offset of [813, 830, 847, 864]) target.write('0000000000000000', offset, 'latin1');
  target.write('2000010100000000', 813, 'latin1');
  target.writeUInt8(1, 881);
}

function writePathTable(target: Buffer, root: number, bigEndian: boolean): void {
  target.writeUInt8(1, 0);
  if (bigEndian) {
    target.writeUInt32BE(root, 2);
    target.writeUInt16BE(1, 6);
  } else {
    target.writeUInt32LE(root, 2);
    target.writeUInt16LE(1, 6);
  }
}

function writeRoot(
  target: Buffer,
  root: number,
  placed: readonly { file: IsoFile; sector: number }[],
  encode: Encode,
): void {
  const records = [
    record(root, SECTOR, true, Buffer.from([0])),
    record(root, SECTOR, true, Buffer.from([1])),
    ...placed.map(({ file, sector }) => record(sector, file.content.length, false, encode(file.name))),
  ];
  let offset = 0;
  for (const entry of records) {
    if (offset + entry.length > SECTOR) throw new RangeError('too many files for one sector of the root folder');
    entry.copy(target, offset);
    offset += entry.length;
  }
}

function record(extent: number, length: number, folder: boolean, name: Buffer): Buffer {
  const size = 33 + name.length + (name.length % 2 === 0 ? 1 : 0);
  const entry = Buffer.alloc(size);
  entry.writeUInt8(size, 0);
  bothEndian32(entry, 2, extent);
  bothEndian32(entry, 10, length);
  entry.set([EPOCH.getUTCFullYear() - 1900, EPOCH.getUTCMonth() + 1, EPOCH.getUTCDate(), 0, 0, 0, 0], 18);
  entry.writeUInt8(folder ? 2 : 0, 25);
  bothEndian16(entry, 28, 1);
  entry.writeUInt8(name.length, 32);
  name.copy(entry, 33);
  return entry;
}
