import type { Bus } from '@polyvirt/bus';
import { ProblemError, type NativeId } from '@polyvirt/contracts';
import { requireFacet, type HypervisorDriver } from '@polyvirt/hypervisor';
import type { AgentIdentity } from '../host/identity.ts';
import { ConsoleSession } from './console-session.ts';

const mostSessions = 64;
/** Less than the asker waits for the answer. */
const openWithinMs = 1_500;

/** The consoles that are open. */
export class Consoles {
  readonly #sessions = new Map<string, ConsoleSession>();
  readonly #opening = new Set<string>();

  constructor(
    private readonly bus: Bus,
    private readonly driver: HypervisorDriver,
    private readonly identity: AgentIdentity,
  ) {}

  get count(): number {
    return this.#sessions.size;
  }

  async open(nativeId: NativeId, id: string): Promise<void> {
    const facet = await requireFacet(this.driver, 'console');
    if (this.#sessions.has(id) || this.#opening.has(id))
      throw new ProblemError('invalid-input', 'A console session of that name is open.');
    if (this.#sessions.size + this.#opening.size >= mostSessions)
      throw new ProblemError('too-many-requests', `This host has ${mostSessions} consoles open. Close one first.`);
    this.#opening.add(id);
    try {
      const screen = await facet.open(nativeId, AbortSignal.timeout(openWithinMs));
      const session = new ConsoleSession(this.bus, this.identity.host, id, screen);
      this.#sessions.set(id, session);
      void session.ended.then(() => this.#sessions.delete(id));
    } finally {
      this.#opening.delete(id);
    }
  }

  endAll(reason: string): void {
    for (const session of this.#sessions.values()) session.end(reason);
  }
}
