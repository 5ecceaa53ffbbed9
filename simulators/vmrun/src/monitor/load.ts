/** A little work and memory, so that a host's statistics of the VM's process move. */
export class Load {
  private readonly burnMs: number;
  private readonly ballast: Buffer;

  constructor(burnMs: number, ballastMiB: number) {
    this.burnMs = burnMs;
    // Written to, or the kernel would not count it.
    this.ballast = Buffer.alloc(ballastMiB * 2 ** 20, 1);
  }

  burn(): void {
    const end = performance.now() + this.burnMs;
    let position = 0;
    while (performance.now() < end && this.ballast.length > 0) {
      position = (position + 4096) % this.ballast.length;
      this.ballast[position] = (this.ballast[position]! + 1) % 256;
    }
  }
}
