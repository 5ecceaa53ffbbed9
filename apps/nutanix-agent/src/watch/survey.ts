export interface SurveyRow {
  readonly uuid: string;
  readonly values: Readonly<Record<string, string>>;
}

/** Columns that change without a task: a guest shuts itself down, gets an address, moves after a failure of its host. */
export const surveyed = ['vm_name', 'power_state', 'ip_addresses', 'num_vcpus', 'memory_size_bytes'] as const;

/** Compares a few columns of all VMs from look to look. */
export class Survey {
  #seen: Map<string, string> | undefined;

  /** UUIDs of VMs that came, went or look different; none at the first look. */
  read(rows: readonly SurveyRow[]): string[] {
    const before = this.#seen;
    const now = new Map(
      rows.map(({ uuid, values }) => [uuid, surveyed.map((name) => values[name] ?? '').join('\u0000')]),
    );
    this.#seen = now;
    if (!before) return [];
    const gone = [...before.keys()].filter((uuid) => !now.has(uuid));
    return [...gone, ...[...now].filter(([uuid, look]) => before.get(uuid) !== look).map(([uuid]) => uuid)];
  }
}
