/** Longest wait that a timer of Node can hold. */
const MOST_MS = 2 ** 31 - 1;

interface Alarm {
  readonly due: number;
  readonly action: () => void;
  timer?: NodeJS.Timeout;
}

export type Cancel = () => void;

/**
 * The time of the site. Whatever is stamped, takes time or expires asks this clock and no other, so that a test can hold it and move
 * it on. Until somebody does, it is the time of the machine. It never goes back.
 */
export class Clock {
  private heldAt: number | undefined;
  private readonly alarms = new Set<Alarm>();
  /** One move at a time. */
  private moved: Promise<void> = Promise.resolve();

  /** @param lead Milliseconds that it is ahead of the machine. */
  constructor(private lead = 0) {}

  /** Milliseconds since the epoch. */
  now(): number {
    return this.heldAt ?? Date.now() + this.lead;
  }

  get isRunning(): boolean {
    return this.heldAt === undefined;
  }

  /** Milliseconds by which it is ahead of the machine. */
  get ahead(): number {
    return this.heldAt === undefined ? this.lead : this.heldAt - Date.now();
  }

  /** Calls back when it is that time. While the clock is held nobody is called, not even of a time that has come. */
  at(due: number, action: () => void): Cancel {
    const alarm: Alarm = { due, action };
    this.alarms.add(alarm);
    if (this.isRunning) this.arm(alarm);
    return () => this.disarm(alarm);
  }

  every(ms: number, action: () => void): Cancel {
    let cancel: Cancel;
    const next = (): void => {
      cancel = this.at(this.now() + ms, () => {
        next();
        action();
      });
    };
    next();
    return () => cancel();
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.at(this.now() + ms, resolve));
  }

  /** Stands still from now on. */
  hold(): Promise<void> {
    return this.move(() => this.stop());
  }

  /** Goes on from where it stands. */
  run(): Promise<void> {
    return this.move(() => this.start());
  }

  advance(ms: number): Promise<void> {
    return this.move(() => this.passTo(this.now() + ms));
  }

  /** Everybody who waits for a time up to this one is called at that time, in order. */
  advanceTo(moment: number): Promise<void> {
    return this.move(() => this.passTo(moment));
  }

  /** Calls nobody any more. */
  close(): void {
    for (const alarm of this.alarms) this.disarm(alarm);
  }

  private move(work: () => void | Promise<void>): Promise<void> {
    const done = this.moved.then(work);
    this.moved = done.catch(() => undefined);
    return done;
  }

  private async passTo(moment: number): Promise<void> {
    const wasRunning = this.isRunning;
    this.stop();
    try {
      for (let alarm = this.first(moment); alarm !== undefined; alarm = this.first(moment)) {
        this.heldAt = Math.max(this.now(), alarm.due);
        this.alarms.delete(alarm);
        alarm.action();
        // Who was woken may wait for something else by then.
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.heldAt = Math.max(this.now(), moment);
    } finally {
      if (wasRunning) this.start();
    }
  }

  private first(until: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.alarms)
      if (alarm.due <= until && (first === undefined || alarm.due < first.due)) first = alarm;
    return first;
  }

  private stop(): void {
    this.heldAt = this.now();
    for (const alarm of this.alarms) clearTimeout(alarm.timer);
  }

  private start(): void {
    if (this.heldAt === undefined) return;
    this.lead = this.heldAt - Date.now();
    this.heldAt = undefined;
    for (const alarm of this.alarms) this.arm(alarm);
  }

  private arm(alarm: Alarm): void {
    const wait = Math.min(MOST_MS, Math.max(0, alarm.due - this.now()));
    alarm.timer = setTimeout(() => {
      // A timer may be early by a fraction, and a long wait has several.
      if (this.now() < alarm.due) return this.arm(alarm);
      this.alarms.delete(alarm);
      alarm.action();
    }, wait);
  }

  private disarm(alarm: Alarm): void {
    clearTimeout(alarm.timer);
    this.alarms.delete(alarm);
  }
}
