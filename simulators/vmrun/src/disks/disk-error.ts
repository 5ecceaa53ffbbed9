/** Texts and codes of VMware's disk library; the low 16 bits of a printed code are the VIX code. */
const DISK_ERRORS = {
  'not-found': ['0x4', 'A file was not found'],
  'not-supported': ['0x6', 'The operation is not supported'],
  'access-error': ['0x20000900000007', 'A file access error occurred on the host or guest operating system'],
  'disk-full': [
    '0x8',
    'An error occurred while writing a file; the disk is full. Data has not been saved. Free some disk space and try again',
  ],
  exists: ['0xc', 'The file already exists'],
  'in-use': ['0xf', 'The file is already in use'],
  'needs-repair': ['0x3e86', 'The specified virtual disk needs repair'],
  'parent-modified': ['0x3e88', 'The parent virtual disk has been modified since the child was created'],
  'not-parent': ['0x3e89', 'The specified virtual disk cannot be shrunk because it is not the parent disk'],
  'parent-missing': ['0x3e8c', 'The parent of this virtual disk could not be opened'],
  'not-a-disk': ['0x3ebd', 'The file specified is not a virtual disk'],
  'has-snapshots': ['0x3e8f', 'The specified virtual disk is part of a snapshot chain'],
} as const satisfies Record<string, readonly [code: string, text: string]>;

export type DiskErrorName = keyof typeof DISK_ERRORS;

export class DiskError extends Error {
  readonly reason: DiskErrorName;
  readonly path: string;

  constructor(reason: DiskErrorName, path: string) {
    super(DISK_ERRORS[reason][1]);
    this.reason = reason;
    this.path = path;
  }

  /** Text and code as vmware-vdiskmanager prints them. */
  get withCode(): string {
    return `${this.message} (${DISK_ERRORS[this.reason][0]})`;
  }
}
