import { setTimeout as delay } from 'node:timers/promises';
import { wantedCpuMs } from '../machine/cpu-time.ts';
import { daemonAnswers, lostDaemons, startDaemons, startedDaemons, type Daemon } from '../machine/libvirt.ts';
import { endProcess } from '../machine/process-identity.ts';
import { Vigil } from './vigil.ts';

export interface LibvirtKeeperOptions {
  readonly log: (line: string) => void;
  /** Whether there is reason to ask the daemons themselves: it takes a program each time. */
  readonly isDoubtful: () => boolean;
  readonly lookEveryMs?: number;
  /** An answer that takes longer is none. */
  readonly askWithinMs?: number;
  /** One that hangs for so long is ended. */
  readonly silenceMs?: number;
  readonly longestPauseMs?: number;
}

/** A daemon that answers nobody wants next to nothing; each who tries costs it a moment. */
const idleShare = 0.005;
const endWithinMs = 1_000;

/**
 * Starts the daemons of libvirt again that were started here, when they end or hang: libvirtd, and virtlogd, without which
 * no machine starts. Where the system starts them, it looks after them too.
 */
export class LibvirtKeeper {
  readonly #options: Required<LibvirtKeeperOptions>;
  /** One for each daemon, by its name. */
  readonly #vigils = new Map<string, Vigil>();
  #pauseMs: number;
  #lookedAtMs = performance.now();

  constructor(options: LibvirtKeeperOptions) {
    this.#options = { lookEveryMs: 1_000, askWithinMs: 5_000, silenceMs: 15_000, longestPauseMs: 30_000, ...options };
    this.#pauseMs = this.#options.lookEveryMs;
  }

  async keep(signal: AbortSignal): Promise<void> {
    const { log, lookEveryMs, longestPauseMs } = this.#options;
    while (!signal.aborted) {
      await delay(this.#pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#endWhatHangs();
        await this.#revive(signal);
        this.#pauseMs = lookEveryMs;
      } catch (error) {
        this.#pauseMs = Math.min(2 * this.#pauseMs, longestPauseMs);
        log(`libvirt could not be restarted: ${(error as Error).message}. Next try in ${this.#pauseMs / 1_000} s`);
      }
    }
  }

  async #revive(signal: AbortSignal): Promise<void> {
    const lost = await lostDaemons();
    if (lost.length === 0 || signal.aborted) return;
    const names = lost.map(({ name }) => name).join(', ');
    this.#options.log(`restarting ${names}: ended unexpectedly`);
    await startDaemons();
    this.#options.log(`restarted ${names}`);
  }

  async #endWhatHangs(): Promise<void> {
    const { isDoubtful, askWithinMs, lookEveryMs } = this.#options;
    const daemons = isDoubtful() ? await startedDaemons() : [];
    const well = await Promise.all(daemons.map((daemon) => daemonAnswers(daemon, askWithinMs)));
    const now = performance.now();
    // More has passed only where this process was kept from looking.
    const lookedMs = Math.min(now - this.#lookedAtMs, lookEveryMs + askWithinMs);
    this.#lookedAtMs = now;
    const silent = daemons.filter((_, n) => !well[n]);
    for (const [name, vigil] of this.#vigils) if (!silent.some((daemon) => daemon.name === name)) vigil.heard();
    for (const daemon of silent) await this.#endIfItHangs(daemon, lookedMs);
  }

  async #endIfItHangs(daemon: Daemon, lookedMs: number): Promise<void> {
    const { silenceMs, log } = this.#options;
    const { name, pid } = daemon;
    const vigil = this.#vigils.get(name) ?? new Vigil({ silenceMs, firstSignMs: silenceMs, idleShare });
    this.#vigils.set(name, vigil);
    if (!(await vigil.missed(lookedMs, () => wantedCpuMs(pid)))) return;
    log(`${name} hangs: it answered nothing for ${silenceMs / 1_000} s and used no CPU. It was ended`);
    await endProcess(daemon, endWithinMs);
  }
}
