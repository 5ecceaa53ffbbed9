/** What the clients of an account have sent since the server started. */
export interface Sent {
  readonly messages: number;
  readonly bytes: number;
}

/** What a host may send for ever, per second. Ten seconds' worth may come at once. */
export interface Quota {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

const burstSeconds = 10;

/** Measures one host: a bucket that fills with what it sends and empties at the rate it may send at. */
export class HostMeter {
  #at: number;
  #seen: Sent;
  #messages = 0;
  #bytes = 0;

  constructor(seen: Sent, atMs: number) {
    this.#seen = seen;
    this.#at = atMs;
  }

  /** Takes in a reading; says in words what is too much. */
  exceeds(sent: Sent, atMs: number, quota: Quota): string | undefined {
    const seconds = Math.max(0, atMs - this.#at) / 1_000;
    // Lower than before: the server was restarted.
    const more = (now: number, before: number) => (now < before ? now : now - before);
    const [messages, bytes] = [more(sent.messages, this.#seen.messages), more(sent.bytes, this.#seen.bytes)];
    this.#at = atMs;
    this.#seen = sent;
    this.#messages = Math.max(0, this.#messages + messages - seconds * quota.messagesPerSecond);
    this.#bytes = Math.max(0, this.#bytes + bytes - seconds * quota.bytesPerSecond);
    if (this.#messages > burstSeconds * quota.messagesPerSecond)
      return `It sent ${rate(messages, seconds)} messages per second; it may send ${quota.messagesPerSecond} for long.`;
    if (this.#bytes > burstSeconds * quota.bytesPerSecond)
      return `It sent ${rate(bytes / mebi, seconds)} MiB per second; it may send ${Math.round(quota.bytesPerSecond / mebi)} for long.`;
    return undefined;
  }
}

const mebi = 1_024 * 1_024;
const rate = (count: number, seconds: number): number => Math.round(count / Math.max(seconds, 0.001));
