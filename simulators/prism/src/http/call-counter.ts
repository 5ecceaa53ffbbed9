const UUID_PART = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

/** Counts requests by method and path, with ids taken out, so that a client's cost can be measured. */
export class CallCounter {
  private readonly counts = new Map<string, number>();

  count(method: string, path: string): void {
    const key = `${method} ${path.replace(UUID_PART, '{uuid}')}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  report(): { total: number; calls: Record<string, number> } {
    const calls = Object.fromEntries([...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { total: [...this.counts.values()].reduce((sum, count) => sum + count, 0), calls };
  }

  reset(): void {
    this.counts.clear();
  }
}
