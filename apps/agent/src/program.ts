import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fault } from './fault.ts';

/** Runs a program of the system and answers what it prints. @throws Fault with what it says when it fails */
export type Run = (program: string, args: readonly string[]) => Promise<string>;

export const runProgram: Run = async (program, args) => {
  try {
    return (await promisify(execFile)(program, args)).stdout;
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    throw new Fault(`${program} ${args.join(' ')}: ${(stderr || message).trim()}`, 1, { cause });
  }
};
