import type { Bus } from '@polyvirt/bus';
import { ProblemError, type ConsoleKind, type NativeId } from '@polyvirt/contracts';
import { requireConsole, type HypervisorDriver } from '@polyvirt/hypervisor';
import type { AgentIdentity } from '../host/identity.ts';
import { ConsoleSession } from './console-session.ts';

const mostSessions = 64;
/** Less than the asker waits for the answer. */
const openWithinMs = 1_500;

export interface WantedConsole {
  readonly nativeId: NativeId;
  /** Name of the session on the bus. */
  readonly session: string;
  readonly kind: ConsoleKind;
  /** Who opens it. */
  readonly by?: string | undefined;
}

/** The consoles that are open. */
export class Consoles {
  readonly #sessions = new Map<string, ConsoleSession>();
  readonly #opening = new Set<string>();
  /** The terminal of a VM has one viewer. */
  readonly #terminals = new Map<NativeId, ConsoleSession>();
  /** Terminals that are being opened, one after the other. */
  readonly #turns = new Map<NativeId, Promise<void>>();

  constructor(
    private readonly bus: Bus,
    private readonly driver: HypervisorDriver,
    private readonly identity: AgentIdentity,
  ) {}

  get count(): number {
    return this.#sessions.size;
  }

  async open(wanted: WantedConsole): Promise<void> {
    const { session: id, kind, nativeId } = wanted;
    if (this.#sessions.has(id) || this.#opening.has(id))
      throw new ProblemError('invalid-input', 'A console session of that name is open.');
    // Whoever takes a terminal over adds none.
    if (this.#sessions.size + this.#opening.size >= mostSessions && !(kind === 'text' && this.#terminals.has(nativeId)))
      throw new ProblemError('too-many-requests', `This host has ${mostSessions} consoles open. Close one first.`);
    this.#opening.add(id);
    try {
      await (kind === 'text' ? this.#takeTurn(nativeId, () => this.#join(wanted)) : this.#join(wanted));
    } finally {
      this.#opening.delete(id);
    }
  }

  endAll(reason: string): void {
    for (const session of this.#sessions.values()) session.end(reason);
  }

  async #join({ nativeId, session: id, kind, by }: WantedConsole): Promise<void> {
    const open = await requireConsole(this.driver, kind);
    // Before it is opened again, so that whoever loses it is told by whom, and not that it broke off.
    if (kind === 'text') this.#terminals.get(nativeId)?.end(`${by ?? 'Somebody else'} has taken this console over.`);
    const stream = await open(nativeId, AbortSignal.timeout(openWithinMs));
    const session = new ConsoleSession(this.bus, this.identity.host, id, stream);
    this.#sessions.set(id, session);
    if (kind === 'text') this.#terminals.set(nativeId, session);
    void session.ended.then(() => {
      this.#sessions.delete(id);
      if (this.#terminals.get(nativeId) === session) this.#terminals.delete(nativeId);
    });
  }

  /** Of two that come at once one is taken over by the other. */
  async #takeTurn(nativeId: NativeId, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(nativeId) ?? Promise.resolve();
    const turn = before.then(work);
    const over = turn.catch(() => undefined);
    this.#turns.set(nativeId, over);
    try {
      await turn;
    } finally {
      if (this.#turns.get(nativeId) === over) this.#turns.delete(nativeId);
    }
  }
}
