/** What a page costs in memory beside its bytes, roughly. */
const overhead = 512;

/**
 * Pages as they were sent, for as long as nothing changes. Many clients look at the same first page, and a house is
 * asked more often than it changes; the bytes of a page also are too large to be made anew for each of them, because
 * memory outside of the heap makes the collector run.
 */
export class PageCache {
  private readonly pages = new Map<string, Buffer>();
  private version = 0;
  private bytes = 0;

  constructor(private readonly mostBytes: number) {}

  /** The page under this key that was made of the same version of everything, or else a new one. */
  get(key: string, version: number, make: () => Buffer): Buffer {
    if (version !== this.version) {
      this.pages.clear();
      this.bytes = 0;
      this.version = version;
    }
    const known = this.pages.get(key);
    if (known) return known;
    const page = make();
    this.pages.set(key, page);
    this.bytes += page.length + overhead;
    for (const [oldest, { length }] of this.pages) {
      if (this.bytes <= this.mostBytes) break;
      this.pages.delete(oldest);
      this.bytes -= length + overhead;
    }
    return page;
  }
}
