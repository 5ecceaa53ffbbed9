/** Bits of one flags argument by name. */
type Bits = Readonly<Record<string, number>>;

/** The named bits as optional booleans, and `flags` for bits that have no name here. */
export type FlagOptions<B extends Bits> = { readonly [K in keyof B]?: boolean | undefined } & {
  readonly flags?: number | undefined;
};

/** The bit mask for a set of options. */
export function flagsOf<B extends Bits>(bits: B, options: FlagOptions<B> = {}): number {
  let mask = options.flags ?? 0;
  for (const [name, bit] of Object.entries(bits)) {
    if ((options as Readonly<Record<string, unknown>>)[name] === true) mask |= bit;
  }
  return mask >>> 0;
}

/** Whether a change is for the running domain, its definition, or both. Neither means: whichever is current. */
export const impact = { live: 1, config: 2 } as const;

/** Bits of one pair are OR-ed, pairs are AND-ed, none means all. */
export const domainListFlags = {
  active: 1,
  inactive: 2,
  persistent: 4,
  transient: 8,
  running: 16,
  paused: 32,
  shutoff: 64,
  other: 128,
  managedSave: 256,
  noManagedSave: 512,
  autostart: 1024,
  noAutostart: 2048,
  hasSnapshot: 4096,
  noSnapshot: 8192,
  hasCheckpoint: 16384,
  noCheckpoint: 32768,
} as const;

/** For networks and storage pools. */
export const listFlags = {
  inactive: 1,
  active: 2,
  persistent: 4,
  transient: 8,
  autostart: 16,
  noAutostart: 32,
} as const;

export const startFlags = {
  paused: 1,
  autodestroy: 2,
  bypassCache: 4,
  forceBoot: 8,
  validate: 16,
  resetNvram: 32,
} as const;

export const undefineFlags = {
  managedSave: 1,
  snapshotsMetadata: 2,
  nvram: 4,
  keepNvram: 8,
  checkpointsMetadata: 16,
  tpm: 32,
  keepTpm: 64,
} as const;

export const xmlFlags = { secure: 1, inactive: 2, updateCpu: 4, migratable: 8 } as const;

/** None lets libvirt choose. */
export const shutdownFlags = { acpi: 1, agent: 2, initctl: 4, signal: 8, paravirt: 16 } as const;

export const saveFlags = { bypassCache: 1, running: 2, paused: 4 } as const;

export const deviceFlags = { ...impact, force: 4 } as const;
export const vcpuFlags = { ...impact, maximum: 4, guest: 8, hotpluggable: 16 } as const;
export const memoryFlags = { ...impact, maximum: 4 } as const;

export const snapshotCreateFlags = {
  redefine: 1,
  current: 2,
  noMetadata: 4,
  halt: 8,
  diskOnly: 16,
  reuseExternal: 32,
  quiesce: 64,
  atomic: 128,
  live: 256,
  validate: 512,
} as const;

export const snapshotListFlags = {
  roots: 1,
  metadata: 2,
  leaves: 4,
  noLeaves: 8,
  noMetadata: 16,
  inactive: 32,
  active: 64,
  diskOnly: 128,
  internal: 256,
  external: 512,
  topological: 1024,
} as const;

export const snapshotRevertFlags = { running: 1, paused: 2, force: 4, resetNvram: 8 } as const;
export const snapshotDeleteFlags = { children: 1, metadataOnly: 2, childrenOnly: 4 } as const;

export const blockCommitFlags = { shallow: 1, delete: 2, active: 4, relative: 8, bandwidthBytes: 16 } as const;
export const blockCopyFlags = { shallow: 1, reuseExternal: 2, transientJob: 4, syncWrites: 8 } as const;
export const blockJobAbortFlags = { async: 1, pivot: 2 } as const;

export const consoleFlags = { force: 1, safe: 2 } as const;

export const poolBuildFlags = { noOverwrite: 4, overwrite: 8 } as const;
export const poolCreateFlags = { withBuild: 1, buildOverwrite: 2, buildNoOverwrite: 4 } as const;
export const volumeCreateFlags = { preallocMetadata: 1, reflink: 2, validate: 4 } as const;
export const volumeDeleteFlags = { zeroed: 1, withSnapshots: 2 } as const;
export const volumeResizeFlags = { allocate: 1, delta: 2, shrink: 4 } as const;

/** What `guestInfo` asks the agent for; none means everything it has. */
export const guestInfoFlags = {
  users: 1,
  os: 2,
  timezone: 4,
  hostname: 8,
  filesystems: 16,
  disks: 32,
  interfaces: 64,
  load: 128,
} as const;
