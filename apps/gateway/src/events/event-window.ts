import type { StreamEvent } from './stream-event.ts';

/** Dropped events are let go of in lots, because moving the rest up costs more than keeping them a little. */
const compactAfter = 1_024;

/** The latest events in memory, bounded by number and by size, for the clients that keep up. */
export class EventWindow {
  private events: StreamEvent[] = [];
  private begin = 0;
  private characters = 0;
  private floorSequence: number;
  private position: number;

  constructor(
    after: number,
    private readonly mostEvents = 8_192,
    private readonly mostCharacters = 16 * 1_024 * 1_024,
  ) {
    this.floorSequence = after;
    this.position = after;
  }

  /** Every event behind this sequence, up to `last`, is here. */
  get floor(): number {
    return this.floorSequence;
  }

  /** Sequence of the last event that came in. */
  get last(): number {
    return this.position;
  }

  add(event: StreamEvent): void {
    this.events.push(event);
    this.position = event.sequence;
    this.characters += event.frame.length;
    while (this.size > this.mostEvents || (this.characters > this.mostCharacters && this.size > 1)) this.drop();
    if (this.begin >= compactAfter) {
      this.events = this.events.slice(this.begin);
      this.begin = 0;
    }
  }

  /** Up to `limit` events behind `sequence`, or nothing when some of those are no longer here. */
  after(sequence: number, limit: number): StreamEvent[] | undefined {
    if (sequence < this.floorSequence) return undefined;
    let low = this.begin;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.events[middle]!.sequence <= sequence) low = middle + 1;
      else high = middle;
    }
    return this.events.slice(low, low + limit);
  }

  private get size(): number {
    return this.events.length - this.begin;
  }

  private drop(): void {
    const event = this.events[this.begin++]!;
    this.characters -= event.frame.length;
    this.floorSequence = event.sequence;
  }
}
