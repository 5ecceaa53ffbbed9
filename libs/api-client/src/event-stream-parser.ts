/** One message of a stream of server-sent events. */
export interface StreamMessage {
  /** Absent when the message has none; the cursor then stays as it was. */
  readonly id: string | undefined;
  readonly type: string;
  readonly data: string;
}

export interface StreamListener {
  onMessage(message: StreamMessage): void;
  /** Text of a line that is for nobody in particular: proof of life. */
  onComment(text: string): void;
}

/** Reads `text/event-stream` in whatever pieces it arrives, by the rules of the HTML standard. */
export class EventStreamParser {
  #rest = '';
  #id: string | undefined;
  #type = '';
  #data: string[] = [];

  constructor(private readonly listener: StreamListener) {}

  push(text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) {
      this.listener.onComment(line.slice(1).trimStart());
      return;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') this.#id = value;
    else if (field === 'event') this.#type = value;
    else if (field === 'data') this.#data.push(value);
  }

  #dispatch(): void {
    const message = { id: this.#id, type: this.#type || 'message', data: this.#data.join('\n') };
    const isEmpty = this.#data.length === 0;
    this.#id = undefined;
    this.#type = '';
    this.#data = [];
    if (!isEmpty) this.listener.onMessage(message);
  }
}
