import { type Dictionary } from '../dictionary/dictionary.ts';

export interface SnapshotDisk {
  /** As written in the file: relative to the VM's folder, or absolute. */
  fileName: string;
  node: string;
}

export interface Snapshot {
  /** Position N of its `snapshotN.` keys; has gaps after deletions. */
  position: number;
  uid: number;
  /** The .vmsn file. */
  fileName: string;
  /** uid of the parent, 0 for a root. */
  parent: number;
  name: string;
  description: string;
  hasMemory: boolean;
  /** Microseconds since 1970. */
  createdAt: bigint;
  disks: SnapshotDisk[];
  /** .vmx paths of linked clones that stand on this snapshot. */
  clones: string[];
}

export interface NewSnapshot {
  name: string;
  hasMemory: boolean;
  createdAt: bigint;
  disks: SnapshotDisk[];
  fileName: (uid: number) => string;
}

/** The snapshots of a .vmsd file. Keys the tree does not know stay in the file. */
export class SnapshotTree {
  private readonly file: Dictionary;

  constructor(file: Dictionary) {
    this.file = file;
  }

  /** All snapshots, oldest first. */
  get all(): Snapshot[] {
    const positions = this.file.keys().flatMap((key) => {
      const position = /^snapshot(\d+)\.uid$/i.exec(key)?.[1];
      return position === undefined ? [] : Number(position);
    });
    return positions.map((position) => this.read(position)).sort((one, other) => one.uid - other.uid);
  }

  /** uid of the snapshot that the VM's state is based on; 0 when there is none. */
  get currentUid(): number {
    return this.number('snapshot.current');
  }

  set currentUid(uid: number) {
    this.file.set('snapshot.current', String(uid));
  }

  get current(): Snapshot | undefined {
    return this.all.find((snapshot) => snapshot.uid === this.currentUid);
  }

  roots(): Snapshot[] {
    const known = new Set(this.all.map((snapshot) => snapshot.uid));
    return this.all.filter((snapshot) => !known.has(snapshot.parent));
  }

  childrenOf(snapshot: Snapshot): Snapshot[] {
    return this.all.filter((candidate) => candidate.parent === snapshot.uid);
  }

  descendantsOf(snapshot: Snapshot): Snapshot[] {
    return this.childrenOf(snapshot).flatMap((child) => [child, ...this.descendantsOf(child)]);
  }

  /** Depth first, with the depth of each. */
  walk(snapshots = this.roots(), depth = 0): { snapshot: Snapshot; depth: number }[] {
    return snapshots.flatMap((snapshot) => [{ snapshot, depth }, ...this.walk(this.childrenOf(snapshot), depth + 1)]);
  }

  /** Snapshots that a name or a `/`- or `\`-separated path from a root can mean. */
  find(nameOrPath: string): Snapshot[] {
    const named = this.all.filter((snapshot) => snapshot.name === nameOrPath);
    const separator = nameOrPath.includes('/') ? '/' : '\\';
    if (named.length > 0 || !nameOrPath.includes(separator)) return named;
    const [first, ...rest] = nameOrPath.split(separator).filter((part) => part !== '');
    return rest.reduce(
      (level, name) => level.flatMap((snapshot) => this.childrenOf(snapshot).filter((child) => child.name === name)),
      this.roots().filter((snapshot) => snapshot.name === first),
    );
  }

  /** Adds a child of the current snapshot and makes it the current one. */
  add({ fileName, ...parts }: NewSnapshot): Snapshot {
    const uid = this.number('snapshot.lastUID') + 1;
    const position = Math.max(-1, ...this.all.map((snapshot) => snapshot.position)) + 1;
    const snapshot: Snapshot = {
      ...parts,
      position,
      uid,
      fileName: fileName(uid),
      parent: this.currentUid,
      description: '',
      clones: [],
    };
    this.file.setMissing('.encoding', 'UTF-8');
    this.file.set('snapshot.lastUID', String(uid));
    this.write(snapshot);
    this.currentUid = uid;
    this.file.set('snapshot.numSnapshots', String(this.all.length));
    this.file.set('snapshot.mru0.uid', String(uid));
    return snapshot;
  }

  /** Removes the entry only; its children come under its parent. */
  remove(snapshot: Snapshot): void {
    for (const child of this.childrenOf(snapshot)) this.write({ ...child, parent: snapshot.parent });
    if (this.currentUid === snapshot.uid) this.currentUid = snapshot.parent;
    this.file.deleteMatching(new RegExp(`^snapshot${snapshot.position}\\.`, 'i'));
    this.file.set('snapshot.numSnapshots', String(this.all.length));
  }

  /** Writes a changed snapshot back to its place. */
  write(snapshot: Snapshot): void {
    const prefix = `snapshot${snapshot.position}`;
    const set = (key: string, value: string | number) => this.file.set(`${prefix}.${key}`, String(value));
    set('uid', snapshot.uid);
    set('filename', snapshot.fileName);
    if (snapshot.parent === 0) this.file.delete(`${prefix}.parent`);
    else set('parent', snapshot.parent);
    set('displayName', snapshot.name);
    if (snapshot.description !== '') set('description', snapshot.description);
    if (snapshot.hasMemory) set('type', 1);
    set('createTimeHigh', Number(snapshot.createdAt >> 32n));
    set('createTimeLow', Number(BigInt.asIntN(32, snapshot.createdAt)));
    set('numDisks', snapshot.disks.length);
    snapshot.disks.forEach((disk, index) => {
      set(`disk${index}.fileName`, disk.fileName);
      set(`disk${index}.node`, disk.node);
    });
    this.file.deleteMatching(new RegExp(`^${prefix}\\.(numClones|clone\\d+)$`, 'i'));
    if (snapshot.clones.length > 0) set('numClones', snapshot.clones.length);
    snapshot.clones.forEach((clone, index) => set(`clone${index}`, clone));
  }

  private read(position: number): Snapshot {
    const get = (key: string) => this.file.get(`snapshot${position}.${key}`) ?? '';
    const list = <T>(count: string, item: (index: number) => T) =>
      Array.from({ length: Number(get(count)) || 0 }, (_, index) => item(index));
    return {
      position,
      uid: Number(get('uid')),
      fileName: get('filename'),
      parent: Number(get('parent')) || 0,
      name: get('displayName'),
      description: get('description'),
      hasMemory: get('type') === '1',
      createdAt: (BigInt(get('createTimeHigh') || 0) << 32n) | BigInt.asUintN(32, BigInt(get('createTimeLow') || 0)),
      disks: list('numDisks', (index) => ({
        fileName: get(`disk${index}.fileName`),
        node: get(`disk${index}.node`),
      })),
      clones: list('numClones', (index) => get(`clone${index}`)),
    };
  }

  private number(key: string): number {
    return Number(this.file.get(key)) || 0;
  }
}
