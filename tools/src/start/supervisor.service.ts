import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identityOf } from '../machine/process-identity.ts';
import { Supervisor, type Supervised } from './supervisor.ts';

describe('Supervisor', () => {
  let folder: string;
  let supervisor: Supervisor;
  let lines: string[];

  const service = (name: string, script: string): Supervised => {
    const logFile = join(folder, `${name}.log`);
    return {
      name,
      program: process.execPath,
      args: ['-e', script],
      env: { ...process.env, FOLDER: folder },
      cwd: folder,
      logFile,
      ready: async () => (await readFile(logFile, 'utf8')).includes('ready'),
    };
  };
  const untilEnded = (name: string) =>
    `process.on("SIGTERM", () => { require("fs").appendFileSync(process.env.FOLDER + "/order", "${name} "); process.exit(0) });
     console.log("ready " + process.pid); setInterval(() => {}, 1000)`;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-supervisor-'));
    lines = [];
    supervisor = new Supervisor({
      log: (line) => lines.push(line),
      changed: () => Promise.resolve(),
      backOffMs: { first: 20, longest: 40 },
    });
  });
  afterEach(async () => {
    await supervisor.stop();
    await rm(folder, { recursive: true });
  });

  it('stops the last service first', async () => {
    for (const name of ['first', 'second', 'third']) await supervisor.start(service(name, untilEnded(name)));
    await supervisor.stop();
    expect(await readFile(join(folder, 'order'), 'utf8')).toBe('third second first ');
    expect(supervisor.running).toEqual([]);
  });

  it('starts a service again that was killed, and says so', async () => {
    await supervisor.start(service('victim', untilEnded('victim')));
    const [before] = supervisor.running;
    process.kill(before!.pid, 'SIGKILL');
    while (supervisor.running[0] === undefined || supervisor.running[0].pid === before!.pid) await delay(10);
    while (lines.length < 2) await delay(10);
    expect(lines).toEqual([
      expect.stringContaining('victim has ended (SIGKILL) and is started again in 0.02 s'),
      'victim is ready again',
    ]);
  });

  it('waits longer after every failure to become ready', async () => {
    await supervisor.start(
      service(
        'late',
        `const fs = require("fs"), file = process.env.FOLDER + "/tries"; fs.appendFileSync(file, "x");
         if (fs.readFileSync(file, "utf8").length < 4) process.exit(3); ${untilEnded('late')}`,
      ),
    );
    expect(lines.map((line) => /again in ([\d.]+) s/.exec(line)?.[1])).toEqual(['0.02', '0.04', '0.04']);
  });

  it('gives up on a service that refuses its configuration', async () => {
    const starting = supervisor.start(service('picky', 'process.exit(78)'));
    await expect(starting).rejects.toThrow('picky refuses its configuration');
    await delay(100);
    expect(supervisor.running).toEqual([]);
  });

  it('rejects when a service is not ready in time', async () => {
    const starting = supervisor.start(service('silent', 'setInterval(() => {}, 1000)'), 300);
    await expect(starting).rejects.toThrow('silent was not ready within 0.3 s');
  });

  it('kills a service that does not end', async () => {
    supervisor = new Supervisor({
      log: (line) => lines.push(line),
      changed: () => Promise.resolve(),
      stopTimeoutMs: 100,
    });
    await supervisor.start(
      service('stubborn', 'process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1000)'),
    );
    const { pid } = supervisor.running[0]!;
    await supervisor.stop();
    expect(identityOf(pid)).toBeUndefined();
    expect(lines).toEqual(['stubborn did not end within 0.1 s and is killed']);
  });

  it('can be stopped while a service waits to be started again', async () => {
    supervisor = new Supervisor({
      log: (line) => lines.push(line),
      changed: () => Promise.resolve(),
      backOffMs: { first: 60_000, longest: 60_000 },
    });
    const starting = supervisor.start(service('dead', 'process.exit(1)'));
    const outcome = expect(starting).rejects.toThrow('stopping');
    while (lines.length === 0) await delay(10);
    expect(lines).toEqual([expect.stringContaining('dead has ended (exit code 1) and is started again in 60 s')]);
    await supervisor.stop();
    await outcome;
  });

  describe('looks for life', () => {
    const beating = (rest = '') =>
      `const beat = () => require("fs").writeFileSync(process.env.FOLDER + "/beat", ""); beat(); setInterval(beat, 20);
       console.log("ready"); ${rest}`;
    const watched = (name: string, script: string, more: Partial<Supervised> = {}): Supervised => ({
      ...service(name, script),
      alive: async () => Date.now() - (await stat(join(folder, 'beat'))).mtimeMs < 200,
      ...more,
    });
    const until = async (holds: () => boolean | Promise<boolean>) => {
      while (!(await holds())) await delay(10);
    };
    const restarted = (before: number) => () =>
      supervisor.running[0] !== undefined && supervisor.running[0].pid !== before;

    beforeEach(() => {
      supervisor = new Supervisor({
        log: (line) => lines.push(line),
        changed: () => Promise.resolve(),
        backOffMs: { first: 20, longest: 40 },
        silenceMs: 400,
        firstSignMs: 5_000,
        lookEveryMs: 20,
      });
    });

    it('ends a service that hangs and starts it again, time after time without a longer pause', async () => {
      await supervisor.start(watched('frozen', beating()));
      for (let times = 1; times <= 3; times += 1) {
        const { pid } = supervisor.running[0]!;
        await until(async () => identityOf(pid) !== undefined && (await watched('', '').alive!()));
        process.kill(pid, 'SIGSTOP');
        await until(restarted(pid));
        expect(identityOf(pid)).toBeUndefined();
        const hung = lines.filter((line) => line !== 'frozen is ready again');
        expect(hung).toHaveLength(times);
        expect(hung.at(-1)).toContain(
          'frozen hangs: it gave no sign of life for 0.4 s and used no CPU. It was ended and is started again in 0.02 s',
        );
        await until(async () => (await readFile(join(folder, 'frozen.log'), 'utf8')).split('ready').length > times + 1);
      }
    });

    it('leaves one alone that is silent and works', async () => {
      const work = 'setTimeout(() => { const end = Date.now() + 2_000; while (Date.now() < end); }, 100)';
      await supervisor.start(watched('slow', beating(work)));
      const { pid } = supervisor.running[0]!;
      // Silent for five times as long as it would take.
      await until(async () => !(await watched('', '').alive!()));
      await until(async () => watched('', '').alive!());
      expect(supervisor.running[0]!.pid).toBe(pid);
      expect(lines).toEqual([]);
    });

    it('blames nobody while that is silent through which the signs come', async () => {
      let brokerIsWell = false;
      await supervisor.start({
        ...service('broker', untilEnded('broker')),
        alive: () => Promise.resolve(brokerIsWell),
        // It is never said to hang.
        idleShare: -1,
      });
      let looks = 0;
      const client = service('client', untilEnded('client'));
      await supervisor.start({
        ...client,
        through: 'broker',
        alive: () => {
          looks += 1;
          return Promise.resolve(looks === 1);
        },
      });
      const { pid } = supervisor.running.at(-1)!;
      process.kill(pid, 'SIGSTOP');
      await until(() => looks > 60);
      expect(lines).toEqual([]);
      brokerIsWell = true;
      await until(() => lines.length > 0);
      expect(lines[0]).toContain('client hangs');
    });
  });
});
