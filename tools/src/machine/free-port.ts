import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { run } from './command.ts';

/** Below the ports that systems give to outgoing connections. */
const LOWEST = 15_000;
const HIGHEST = 32_000;

/**
 * A TCP port of the loopback interface that nobody listens on now; `wanted` itself when it is free. No outgoing connection is given
 * it before it is used, nor when its server is started again.
 */
export async function freePort(wanted = 0): Promise<number> {
  if (wanted !== 0 && (await isFree(wanted))) return wanted;
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) return port;
  }
}

/** Who listens on a port, as in `nginx (process 812)`; undefined where this system does not say. */
export async function holderOf(port: number): Promise<string | undefined> {
  try {
    const found = /\(\("([^"]+)",pid=(\d+)/.exec(await run('ss', ['-Hltnp', `sport = :${port}`]));
    return found === null ? undefined : `${found[1]} (process ${found[2]})`;
  } catch {
    // There is no such program here.
    return undefined;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
