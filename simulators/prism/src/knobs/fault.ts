import { newUuid } from '../identity.ts';
import { isObject, type JsonObject } from '../json.ts';
import { KnobError } from './knob-settings.ts';

/** What goes wrong with a request. */
export type RequestEffect =
  /** The connection is reset before the request is looked at. */
  | { kind: 'refuse' }
  /** The request is never answered; the connection stays open. */
  | { kind: 'hang' }
  /** The answer comes this many milliseconds late. */
  | { kind: 'slow'; ms: number }
  /** The request takes effect, then the connection is reset without an answer. */
  | { kind: 'drop' }
  /** The request takes effect, then the connection is reset in the middle of the answer. */
  | { kind: 'cut' }
  /** An error answer in the form of the API that was called, so many milliseconds late. */
  | { kind: 'status'; status: number; reason?: string; message?: string; body?: JsonObject | string; ms?: number }
  /** 401, and every session made so far is void. */
  | { kind: 'expire' }
  /** The whole process is killed: before the request takes effect, or after it and before the answer. */
  | { kind: 'crash'; when?: 'before' | 'after' };

/** What goes wrong with a task that was accepted. */
export type TaskEffect =
  /** Ends FAILED without any effect. */
  | { kind: 'taskFail'; detail?: string; code?: string }
  /** Ends ABORTED without any effect. */
  | { kind: 'taskAbort' }
  /** Stays RUNNING for ever, or SUSPENDED. */
  | { kind: 'taskStall'; status?: 'RUNNING' | 'SUSPENDED' }
  /** Takes effect, then ends FAILED all the same. */
  | { kind: 'taskHalf'; detail?: string; code?: string }
  /** Takes this many milliseconds longer. */
  | { kind: 'taskSlow'; ms: number }
  /** The whole process is killed in the middle of the task. */
  | { kind: 'taskCrash' };

export interface Fault {
  readonly id: string;
  /** HTTP method, any when absent. */
  readonly method?: string;
  /** Path pattern: `*` stands for one segment, `**` for any number of them. Any path when absent. */
  readonly path?: string;
  /** Task operation pattern, as `vm.create` or `vm.*`: of the task, or of the task that a request is about. */
  readonly operation?: string;
  /** Text that the request body must contain. */
  readonly bodyContains?: string;
  /** 0 to 1; 1 when absent. */
  readonly probability?: number;
  /** How often it strikes before it is spent; for ever when absent. */
  readonly count?: number;
  /** How many matches pass untouched first. */
  readonly skip?: number;
  readonly effect: RequestEffect | TaskEffect;
}

/** Thrown for a fault that is not, or no longer, in force. */
export class NoSuchFault extends Error {
  constructor(id: string) {
    super(`no fault ${id} is in force`);
  }
}

const REQUEST_KINDS = ['refuse', 'hang', 'slow', 'drop', 'cut', 'status', 'expire', 'crash'];
const TASK_KINDS = ['taskFail', 'taskAbort', 'taskStall', 'taskHalf', 'taskSlow', 'taskCrash'];
const KEYS = ['id', 'method', 'path', 'operation', 'bodyContains', 'probability', 'count', 'skip', 'effect'];

export const isTaskEffect = (effect: Fault['effect']): effect is TaskEffect => TASK_KINDS.includes(effect.kind);

/** @throws KnobError that says what is wrong with the rule. */
export function checkedFault(raw: unknown): Fault {
  if (!isObject(raw)) throw new KnobError('a fault must be an object');
  const unknown = Object.keys(raw).filter((key) => !KEYS.includes(key));
  if (unknown.length > 0) throw new KnobError(`fault: unknown ${unknown.join(', ')}`);
  const effect = raw['effect'];
  const kind = isObject(effect) ? effect['kind'] : undefined;
  if (typeof kind !== 'string' || ![...REQUEST_KINDS, ...TASK_KINDS].includes(kind))
    throw new KnobError(`fault: effect.kind must be one of ${[...REQUEST_KINDS, ...TASK_KINDS].join(', ')}`);
  if ((kind === 'slow' || kind === 'taskSlow') && !(isObject(effect) && typeof effect['ms'] === 'number'))
    throw new KnobError(`fault: ${kind} needs effect.ms`);
  if (kind === 'status' && isObject(effect) && effect['ms'] !== undefined && typeof effect['ms'] !== 'number')
    throw new KnobError('fault: effect.ms must be a number');
  if (kind === 'status' && !(isObject(effect) && typeof effect['status'] === 'number'))
    throw new KnobError('fault: status needs effect.status');
  for (const key of ['probability', 'count', 'skip'])
    if (raw[key] !== undefined && !(typeof raw[key] === 'number' && raw[key] >= 0))
      throw new KnobError(`fault: ${key} must be a number from 0`);
  for (const key of ['id', 'method', 'path', 'operation', 'bodyContains'])
    if (raw[key] !== undefined && typeof raw[key] !== 'string') throw new KnobError(`fault: ${key} must be a text`);
  return { ...raw, id: typeof raw['id'] === 'string' ? raw['id'] : newUuid() } as unknown as Fault;
}

/** `*` stands for one segment, `**` for any number of them, nothing else is special. */
export function pathPattern(pattern: string, separator = '/'): RegExp {
  const escaped = pattern
    .split('**')
    .map((part) =>
      part
        .split('*')
        .map((literal) => literal.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
        .join(`[^${separator}]*`),
    )
    .join('.*');
  return new RegExp(`^${escaped}$`);
}
