import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that systems give to outgoing connections: https://www.rfc-editor.org/rfc/rfc6335#section-6 and Linux. */
const lowest = 15_000;
const highest = 32_000;

/**
 * A TCP port of the loopback interface that nobody listens on. No outgoing connection takes it either, so that a server
 * that is restarted finds it free: a client that tries to reach a dead server could otherwise be given that very port.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, highest);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
