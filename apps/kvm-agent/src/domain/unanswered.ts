import { setTimeout as delay } from 'node:timers/promises';
import { ProblemError } from '@polyvirt/contracts';
import type { Domain, DomainStatus, Libvirt } from '@polyvirt/node-libvirt';

/** A daemon that works answers in milliseconds. */
const PATIENCE_MS = 10_000;

/**
 * Domains about which the daemon does not answer. libvirt cannot cancel a call, so one that hangs is left alone until it
 * comes back: it costs one slot of a connection, and not one more with every look.
 */
export class Unanswered {
  readonly #libvirt: Libvirt;
  readonly #patienceMs: number;
  readonly #hanging = new Set<string>();

  constructor(libvirt: Libvirt, patienceMs = PATIENCE_MS) {
    this.#libvirt = libvirt;
    this.#patienceMs = patienceMs;
  }

  /** The state of a domain: the question to begin with. Throws `timed-out` if the daemon does not answer it. */
  async status(domain: Domain): Promise<DomainStatus> {
    if (this.#hanging.has(domain.uuid)) throw this.#timedOut();
    // Not by the connection that events come on, whose slots are few.
    const call = this.#libvirt.call.domainGetState(
      { dom: domain },
      { timeoutMs: 0, channel: 'changes', priority: 'high' },
    );
    const over = new AbortController();
    try {
      const answer = await Promise.race([call, delay(this.#patienceMs, undefined, { signal: over.signal })]);
      if (answer !== undefined) return answer;
    } finally {
      over.abort();
    }
    this.#hanging.add(domain.uuid);
    const back = () => void this.#hanging.delete(domain.uuid);
    call.then(back, back);
    throw this.#timedOut();
  }

  #timedOut(): ProblemError {
    return new ProblemError(
      'timed-out',
      `libvirt does not answer about it within ${this.#patienceMs / 1000} s. If it stays so, look at its QEMU process and at the log of libvirt.`,
    );
  }
}
