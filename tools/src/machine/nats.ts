import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { startService, type Service } from './service.ts';
import { greeting } from './tcp.ts';

/** Options of {@link startNats}. */
export interface NatsOptions {
  /** Where JetStream keeps its files, the configuration and the log. Default: a new temporary folder, removed by `stop`. */
  dataDir?: string;
  /** Default: a free one. */
  port?: number;
  /** More lines of configuration, such as an `authorization { … }` block. */
  config?: string;
  /** Where the server logs. Default: `nats.log` in the data folder. */
  logFile?: string;
  /** Let the server outlive a crash of this process. Default: false, it dies with it. */
  detached?: boolean;
}

/** A private nats-server on the loopback interface. */
export interface NatsServer extends Service {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
}

/** Starts a nats-server with JetStream and resolves when it takes clients. Needs the packages of purpose `nats`. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'polyvirt-nats-')));
  const forget = async () => {
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const port = options.port ?? (await freePort());
    const configFile = join(dataDir, 'nats.conf');
    const config = natsConfig({ port, dataDir, ...(options.config === undefined ? {} : { config: options.config }) });
    // It may hold credentials.
    await writeFile(configFile, config, { mode: 0o600 });

    const service = await startService({
      name: 'nats-server',
      program: 'nats-server',
      args: ['-c', configFile],
      logFile: options.logFile ?? join(dataDir, 'nats.log'),
      dieWithParent: !options.detached,
      ready: () => natsTakesClients(port),
    });
    return {
      ...service,
      url: `nats://127.0.0.1:${port}`,
      port,
      dataDir,
      stop: async (timeoutMs) => {
        await service.stop(timeoutMs);
        await forget();
      },
    };
  } catch (error) {
    await forget();
    throw error;
  }
}

/** The configuration of a nats-server with JetStream on the loopback interface. */
export function natsConfig({ port, dataDir, config = '' }: { port: number; dataDir: string; config?: string }): string {
  return [
    `listen: "127.0.0.1:${port}"`,
    // The limits are not reserved. By default that of files is three quarters of what is free at the start, however little that
    // is, and stays so when there is room again; whoever writes watches the free space itself.
    `jetstream { store_dir: ${JSON.stringify(dataDir)}, max_file_store: 1TB }`,
    config,
    '',
  ].join('\n');
}

/** A nats-server greets every client by itself; until then it refuses connections. */
export async function natsTakesClients(port: number): Promise<boolean> {
  const info = (await greeting(port)).toString('utf8');
  return info.startsWith('INFO ') && info.includes('"jetstream":true');
}
