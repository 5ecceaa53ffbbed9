import type { Session } from '../host/session.ts';
import type { Machine } from '../machine/machine.ts';
import type { AuthenticationFlags } from './arguments.ts';
import { refusal } from './errors.ts';

/** One call of vmrun, as a command sees it. */
export interface Call {
  session: Session;
  flags: AuthenticationFlags;
  /** The product that answers, after `-T`. */
  product: 'workstation' | 'player' | 'fusion';
  /** What follows the command, and the .vmx path if the command has one. */
  parameters: string[];
  /** Every command that changes something calls this once, in the middle of its work; faults strike there. */
  halfway(): Promise<void>;
}

/** A call of a command whose first parameter is a VM. */
export interface MachineCall extends Call {
  machine: Machine;
}

export interface Answer {
  lines: string[];
  exit?: number;
  /** Nothing is printed and the command never ends. */
  isHanging?: boolean;
}

/** Nothing, lines, or lines with more to them. */
export type Outcome = void | string[] | Answer;

export type HostCommand = (call: Call) => Promise<Outcome> | Outcome;
export type MachineCommand = (call: MachineCall) => Promise<Outcome> | Outcome;

/** The parameter at a place, or the error of a command that lacks one. */
export function required(call: Call, index: number): string {
  const value = call.parameters[index];
  if (value === undefined) throw refusal('invalid-parameter');
  return value;
}

/** One of a few words, in any case. */
export function wordOf<const W extends string>(word: string | undefined, words: readonly W[], initial: W): W {
  if (word === undefined) return initial;
  const found = words.find((candidate) => candidate.toLowerCase() === word.toLowerCase());
  if (found === undefined) throw refusal('invalid-parameter');
  return found;
}
