import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const forwarder = join(import.meta.dirname, '../../src/web/forward.mjs');
const args = ['--no-sandbox', '--disable-background-networking', '--disable-dev-shm-usage', '--disable-gpu'];

/**
 * Chromium in a network of its own, in which nothing is but one port of this machine. In the network of the machine it breaks off
 * what it loads with ERR_NETWORK_CHANGED whenever anybody makes or removes a bridge, as libvirt does for every other suite.
 */
export class IsolatedChromium {
  private constructor(
    readonly browser: Browser,
    private readonly door: Server,
    private readonly folder: string,
  ) {}

  static async start(port: number): Promise<IsolatedChromium> {
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-browser-'));
    const path = join(folder, 'door');
    const door = createServer((client) => {
      const server = connect(port, '127.0.0.1');
      client.pipe(server).pipe(client);
      client.on('error', () => server.destroy());
      server.on('error', () => client.destroy());
    });
    await new Promise<void>((resolve) => door.listen(path, resolve));
    const program = join(folder, 'chromium');
    const inside = `ip link set lo up; '${process.execPath}' '${forwarder}' ${port} '${path}' & exec /usr/bin/chromium "$@"`;
    await writeFile(
      program,
      `#!/bin/sh\nexec unshare --net -- sh -c '${inside.replaceAll("'", `'\\''`)}' chromium "$@"\n`,
    );
    await chmod(program, 0o700);
    const browser = await chromium.launch({ executablePath: program, args });
    return new IsolatedChromium(browser, door, folder);
  }

  async stop(): Promise<void> {
    await this.browser.close();
    this.door.close();
    await rm(this.folder, { recursive: true });
  }
}
