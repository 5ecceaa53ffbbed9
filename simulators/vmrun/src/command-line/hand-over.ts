import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { forever } from '../knobs/fault-plan.ts';
import type { Answer } from './call.ts';

const WORKER = fileURLToPath(new URL('../vmrun-worker.js', import.meta.url));
/** Where the worker puts its answer. */
const ANSWER = 3;

/** Has a call carried out by a process of its own, as the product does it: who kills vmrun only never hears the answer. */
export async function handOver(argv: string[]): Promise<Answer> {
  const env = { ...process.env };
  delete env['NODE_OPTIONS'];
  // The shell leaves at once, so that the worker is no descendant of vmrun.
  const shell = spawn('/bin/sh', ['-c', '"$@" &', 'sh', process.execPath, WORKER, ...argv], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env,
  });
  const text = await firstLine(shell.stdio[ANSWER] as Readable);
  if (text !== undefined) return JSON.parse(text) as Answer;
  // The worker died, and with it the call.
  process.kill(process.pid, 'SIGKILL');
  return forever();
}

/** Tells vmrun, if it is still there. */
export function answerFromWorker(answer: Answer): Promise<void> {
  const stream = createWriteStream('', { fd: ANSWER });
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.end(`${JSON.stringify(answer)}\n`, () => resolve());
  });
}

function firstLine(stream: Readable): Promise<string | undefined> {
  let text = '';
  return new Promise((resolve) => {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('\n')) resolve(text);
    });
    stream.once('close', () => resolve(undefined));
    stream.once('error', () => resolve(undefined));
  });
}
