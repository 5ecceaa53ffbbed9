import { connect } from 'node:net';

/** Sends, until it is ended, 6 MB a second of nested lists to whoever listens at the URL, as nobody in particular. */
const { hostname, port } = new URL(process.argv[2]!);
const body = '['.repeat(1_000_000);
const everyMs = 1_000 / 6;
/** Also where there is no route, and by a method that few think of. */
const targets = [
  'POST /api/v1/auth/login',
  'POST /api/v1/users',
  'OPTIONS /api/v1/vms',
  'POST /api/v1/vms',
  'POST /api/v1/auth/refresh',
  'POST /api/v1/nowhere',
];

/** What became of it so far; told to whoever has started this program. */
export interface Flood {
  /** Requests that were begun, each of a megabyte. */
  readonly begun: number;
  /** By the first line of the answer. */
  readonly answers: Readonly<Record<string, number>>;
}

let begun = 0;
const answers: Record<string, number> = {};
setInterval(() => {
  const target = targets[begun++ % targets.length]!;
  const socket = connect(Number(port), hostname);
  let answer = 'none';
  socket.once('data', (data: Buffer) => (answer = data.toString('latin1').split('\r\n', 1)[0]!));
  // What is refused is cut off, or is taken and thrown away: both are as it should be.
  socket.on('error', () => undefined).resume();
  socket.once('close', () => (answers[answer] = (answers[answer] ?? 0) + 1));
  socket.setTimeout(10_000, () => socket.destroy());
  socket.write(
    `${target} HTTP/1.1\r\nHost: flood\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
  );
  socket.end(body);
  process.send?.({ begun, answers } satisfies Flood);
}, everyMs);
