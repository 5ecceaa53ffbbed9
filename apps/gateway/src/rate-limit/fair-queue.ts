import { randomInt } from 'node:crypto';

/** From the widest to the narrowest: the network of an address, then the address itself. */
export type Origins = readonly string[];

interface Waiting {
  readonly from: Origins;
  /** With whether it is their turn. */
  readonly end: (isTheirTurn: boolean) => void;
}

/** Of origins that have had turns, for how many that is remembered. */
const mostRemembered = 10_000;

/**
 * Lets one after the other through, at a pace. The next one is of the origin that has had the fewest turns, and when there is no
 * room left one of the origin goes that takes most of it. So a crowd takes turns from itself, however large it is and however
 * often it comes back, and not from who comes from elsewhere.
 */
export class FairQueue {
  private waiting: Waiting[] = [];
  /** Since the queue was empty. */
  private readonly turns = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: {
      readonly paceMs: number;
      readonly most: number;
      readonly onEmpty: () => void;
    },
  ) {}

  /** Resolves with true when it is their turn, and with false when there is no room for them any more. */
  wait(from: Origins): Promise<boolean> {
    return new Promise((end) => {
      this.waiting.push({ from, end });
      if (this.waiting.length > this.options.most) this.take(this.largest()).end(false);
      this.timer ??= setInterval(() => this.letThrough(), this.options.paceMs);
    });
  }

  /** There is no room for anybody any more. */
  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    for (const { end } of this.waiting.splice(0)) end(false);
  }

  private letThrough(): void {
    const next = this.take(this.next());
    for (const origin of next.from) {
      const before = this.turns.get(origin) ?? 0;
      this.turns.delete(origin);
      this.turns.set(origin, before + 1);
    }
    while (this.turns.size > mostRemembered) this.turns.delete(this.turns.keys().next().value!);
    next.end(true);
    if (this.waiting.length > 0) return;
    this.close();
    this.options.onEmpty();
  }

  private next(): Waiting {
    return anyLeast(this.waiting, ({ from }) => from.map((origin) => this.turnsOf(origin)));
  }

  private largest(): Waiting {
    const sizes = new Map<string, number>();
    for (const origin of this.waiting.flatMap(({ from }) => from)) sizes.set(origin, (sizes.get(origin) ?? 0) + 1);
    return anyLeast(this.waiting, ({ from }) => from.flatMap((one) => [-sizes.get(one)!, -this.turnsOf(one)]));
  }

  private turnsOf(origin: string): number {
    return this.turns.get(origin) ?? 0;
  }

  private take(one: Waiting): Waiting {
    this.waiting = this.waiting.filter((other) => other !== one);
    return one;
  }
}

/** One of those with the lowest rank, where no first number is lower, then no second, and so on. Nobody knows which. */
function anyLeast<Item>(items: readonly Item[], rankOf: (item: Item) => readonly number[]): Item {
  const ranked = items.map((item) => ({ item, rank: rankOf(item) }));
  const compare = (a: readonly number[], b: readonly number[]): number => {
    const at = a.findIndex((value, n) => value !== b[n]);
    return at < 0 ? 0 : a[at]! - b[at]!;
  };
  const least = ranked.reduce((found, { rank }) => (compare(rank, found) < 0 ? rank : found), ranked[0]!.rank);
  const equal = ranked.filter(({ rank }) => compare(rank, least) === 0);
  return equal[randomInt(equal.length)]!.item;
}
