import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.ts';
import { freePort } from './free-port.ts';
import { startService, type Service } from './service.ts';
import { greeting } from './tcp.ts';

/** Options of {@link startMariaDb}. */
export interface MariaDbOptions {
  /** Where the tables are. Default: a new temporary folder, removed by `stop`. */
  dataDir?: string;
  /** Default: a free one. */
  port?: number;
}

/** A private mariadbd on the loopback interface. */
export interface MariaDbServer extends Service {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** `mysql://user:password@127.0.0.1:port/database`; the user may create and drop every database whose name begins with `polyvirt`. */
  url(database?: string): string;
}

/**
 * Starts a MariaDB server for tests and resolves when it takes clients. It is tuned to start fast and forgets
 * durability. Needs the packages of purpose `database`.
 */
export async function startMariaDb(options: MariaDbOptions = {}): Promise<MariaDbServer> {
  const folder = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'polyvirt-mariadb-')));
  const forget = async () => {
    if (options.dataDir === undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    const server = await startIn(folder, options.port);
    return {
      ...server,
      stop: async (timeoutMs) => {
        await server.stop(timeoutMs);
        await forget();
      },
    };
  } catch (error) {
    await forget();
    throw error;
  }
}

async function startIn(folder: string, wantedPort: number | undefined): Promise<MariaDbServer> {
  const tables = join(folder, 'tables');
  await mkdir(folder, { recursive: true });
  // mariadbd refuses to run as root; the package made this user for it.
  const account = process.getuid?.() === 0 ? await idsOf('mysql') : undefined;
  if (account !== undefined) await chown(folder, account.uid, account.gid);

  const port = wantedPort ?? (await freePort());
  const user = 'polyvirt';
  const password = randomBytes(12).toString('hex');
  const initFile = join(folder, 'init.sql');
  await writeFile(
    initFile,
    [
      'CREATE DATABASE IF NOT EXISTS `polyvirt`;',
      `CREATE OR REPLACE USER '${user}'@'127.0.0.1' IDENTIFIED BY '${password}';`,
      `GRANT ALL ON \`polyvirt%\`.* TO '${user}'@'127.0.0.1';`,
      '',
    ].join('\n'),
    { mode: 0o600 },
  );
  if (account !== undefined) await chown(initFile, account.uid, account.gid);

  // Set before the program starts and not by its --user option: a process that changes its own user forgets the
  // wish to die with its parent.
  const drop =
    account === undefined ? [] : ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  if (!existsSync(tables)) {
    const [program, ...args] = [
      ...drop,
      'mariadb-install-db',
      '--no-defaults',
      `--datadir=${tables}`,
      '--auth-root-authentication-method=socket',
      '--skip-test-db',
    ];
    await run(program as string, args, { timeoutMs: 120_000, env: { TMPDIR: folder } });
  }
  const [program, ...args] = [
    ...drop,
    ...(drop.length > 0 ? ['--pdeathsig', 'KILL', '--'] : []),
    'mariadbd',
    '--no-defaults',
    `--datadir=${tables}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${join(folder, 'mariadb.sock')}`,
    `--tmpdir=${folder}`,
    `--pid-file=${join(folder, 'mariadb.pid')}`,
    `--init-file=${initFile}`,
    '--skip-log-bin',
    '--skip-name-resolve',
    '--performance-schema=OFF',
    '--innodb-buffer-pool-size=32M',
    '--innodb-log-file-size=16M',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-doublewrite=OFF',
    '--innodb-buffer-pool-dump-at-shutdown=OFF',
    '--innodb-fast-shutdown=2',
  ];
  const service = await startService({
    name: 'mariadbd',
    program: program as string,
    args,
    logFile: join(folder, 'mariadb.log'),
    dieWithParent: drop.length === 0,
    readyTimeoutMs: 60_000,
    // A server that still starts refuses the connection; one that is full or failing greets with an error packet.
    ready: async () => (await greeting(port))[4] === 0x0a,
  });
  return {
    ...service,
    port,
    user,
    password,
    url: (database = 'polyvirt') => `mysql://${user}:${password}@127.0.0.1:${port}/${database}`,
  };
}

async function idsOf(name: string): Promise<{ uid: number; gid: number }> {
  const fields = (await run('getent', ['passwd', name])).split(':');
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}
