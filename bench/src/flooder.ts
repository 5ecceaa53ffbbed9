import { connect } from 'node:net';

/** Sends, until it is ended, 6 MB a second of nested lists to whoever listens at the URL, as nobody in particular. */
const { hostname, port } = new URL(process.argv[2]!);
const body = '['.repeat(1_000_000);
const everyMs = 1_000 / 6;
const paths = ['/api/v1/auth/login', '/api/v1/users', '/api/v1/vms', '/api/v1/auth/refresh', '/api/v1/nowhere'];

let count = 0;
setInterval(() => {
  const socket = connect(Number(port), hostname);
  // What is refused is cut off, or is taken and thrown away: both are as it should be.
  socket.on('error', () => undefined).resume();
  socket.setTimeout(10_000, () => socket.destroy());
  const path = paths[count++ % paths.length]!;
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: flood\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
  );
  socket.end(body);
}, everyMs);
process.send?.('floods');
