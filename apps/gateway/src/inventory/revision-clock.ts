interface Waiting {
  readonly revision: number;
  readonly settle: (reached: boolean) => void;
}

/** How far a watch has come, and who waits for it to come further. */
export class RevisionClock {
  private revision = 0;
  private readonly waiting = new Set<Waiting>();

  /** Never backwards: a watch that begins again tells old revisions anew. */
  advance(revision: number): void {
    if (revision <= this.revision) return;
    this.revision = revision;
    for (const one of this.waiting) if (one.revision <= revision) one.settle(true);
  }

  /** Whether it came to `revision` in time. */
  async reached(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.revision >= revision) return true;
    return new Promise<boolean>((resolve) => {
      const settle = (reached: boolean) => {
        clearTimeout(timer);
        this.waiting.delete(one);
        resolve(reached);
      };
      const one: Waiting = { revision, settle };
      const timer = setTimeout(() => settle(false), timeoutMs);
      this.waiting.add(one);
    });
  }
}
