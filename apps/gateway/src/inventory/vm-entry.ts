import { nameKey, type OperationId, type Vm, type VmRecord } from '@polyvirt/contracts';

/** What the control plane itself keeps of a VM. */
export interface Annotation {
  readonly labels: Readonly<Record<string, string>>;
  readonly notes: string;
  readonly protected: boolean;
  /** Grows with each edit, and is part of the ETag. */
  readonly version: number;
}

export const noAnnotation: Annotation = { labels: {}, notes: '', protected: false, version: 0 };

/** One VM in memory: what its host says, what we say, and its JSON made once. Never changed, only replaced. */
export class VmEntry {
  readonly id: string;
  readonly nameKey: string;
  /** Of a length that fits a cursor whatever the name is made of; longer names that begin alike are ordered by id. */
  readonly nameOrder: string;
  readonly createdAtMs: number;
  readonly observedAtMs: number;
  private serialised: Buffer | undefined;
  private searched: string | undefined;

  constructor(
    readonly record: VmRecord,
    readonly revision: number,
    readonly annotation: Annotation,
    readonly operation: OperationId | undefined,
  ) {
    this.id = record.id;
    this.nameKey = nameKey(record.name);
    this.nameOrder = this.nameKey.slice(0, 80);
    this.createdAtMs = Date.parse(record.createdAt);
    this.observedAtMs = Date.parse(record.observedAt);
  }

  get etag(): string {
    return `"${this.revision}-${this.annotation.version}"`;
  }

  /** Its JSON in UTF-8, as it is sent. */
  get json(): Buffer {
    return (this.serialised ??= bytesOf(JSON.stringify(this.vm)));
  }

  get vm(): Vm {
    const { snapshots, ...record } = this.record;
    const { labels, notes } = this.annotation;
    return {
      ...record,
      ...(this.operation !== undefined && { operation: this.operation }),
      snapshotCount: snapshots.length,
      labels: { ...labels },
      notes,
      protected: this.annotation.protected,
      revision: this.revision,
    };
  }

  /** Everything `q` looks at, in the case it looks in. */
  get haystack(): string {
    return (this.searched ??= searchable(
      [
        this.record.name,
        this.id,
        ...this.record.nics.flatMap((nic) => nic.addresses),
        ...Object.entries(this.annotation.labels).map(([key, value]) => `${key}=${value}`),
      ].join('\n'),
    ));
  }
}

/** Exactly as much memory as it takes; `Buffer.from` would have each VM hold on to a slab that others have left. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

/** A search finds what names that count as equal would find. */
export const searchable = nameKey;
