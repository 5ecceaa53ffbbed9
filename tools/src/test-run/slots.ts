/** Room on the machine that is taken. */
export interface Slot {
  /** Idempotent. */
  giveBack(): void;
}

interface Waiting {
  readonly load: number;
  readonly weight: number;
  readonly take: (slot: Slot) => void;
}

/** Shares a machine among what runs on it: so many busy cores at once, and more only for what is alone. */
export class Slots {
  readonly #capacity: number;
  #used = 0;
  readonly #waiting: Waiting[] = [];
  /** Called when there is room that nobody waits for. */
  onRoom: () => void = () => undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Could this start now, and does nobody wait? */
  hasRoomFor(load: number): boolean {
    return this.#waiting.length === 0 && this.#fits(load);
  }

  /** Resolves when there is room. Whoever has the greatest weight is next; nobody with less goes before. */
  take(load: number, weight: number): Promise<Slot> {
    return new Promise((resolve) => {
      this.#waiting.push({ load, weight, take: resolve });
      this.#waiting.sort((a, b) => b.weight - a.weight);
      this.#grant();
    });
  }

  #fits(load: number): boolean {
    // Sums of tenths are not exact.
    return this.#used === 0 || this.#used + load <= this.#capacity + 1e-9;
  }

  #grant(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || !this.#fits(next.load)) return;
      this.#waiting.shift();
      this.#used += next.load;
      next.take(this.#slotOf(next.load));
    }
  }

  #slotOf(load: number): Slot {
    let isTaken = true;
    return {
      giveBack: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#used = Math.max(0, this.#used - load);
        if (this.#used < 1e-9) this.#used = 0;
        this.#grant();
        if (this.#waiting.length === 0) this.onRoom();
      },
    };
  }
}
