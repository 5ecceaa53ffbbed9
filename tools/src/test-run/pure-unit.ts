import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import net from 'node:net';

/** Runs before each file of the suite `unit`: what is in it depends on nothing but itself, and is over in milliseconds. */
function refuse(what: string) {
  return (): never => {
    throw new Error(`A .spec file ${what}. What needs that is a .service file.`);
  };
}

net.Server.prototype.listen = refuse('opens no port');
dgram.createSocket = refuse('opens no port');
for (const name of ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'] as const)
  (childProcess as Record<string, unknown>)[name] = refuse('starts no process');
