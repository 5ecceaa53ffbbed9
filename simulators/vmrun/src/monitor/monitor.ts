import { existsSync, openSync, closeSync, writeSync } from 'node:fs';
import type { Session } from '../host/session.ts';
import { LEASE_MS } from '../host/dhcp-leases.ts';
import { takeLeases } from '../guest/guest-address.ts';
import { Machine } from '../machine/machine.ts';
import { releaseAllIn } from '../machine/lock-folder.ts';
import { endRun } from '../machine/power-off.ts';
import { powerOn, PowerOnFailure } from '../machine/power-on.ts';
import { findRun, forgetRun, type Run } from '../machine/run.ts';
import { VmLog } from '../machine/vm-log.ts';
import { RemoteDisplay } from '../display/remote-display.ts';
import type { MonitorReport } from './start-monitor.ts';
import { Load } from './load.ts';

const BEAT_MS = 1000;

/** Lives as long as its VM runs. Changes of the run's record are announced by SIGUSR2; SIGTERM is a power cut. */
export class Monitor {
  private readonly machine: Machine;
  private readonly isHeadless: boolean;
  private readonly log: VmLog;
  private run: Run | undefined;
  private display: RemoteDisplay | undefined;
  /** Each takes back what is due later. */
  private guestTimers: (() => void)[] = [];
  private cancelEnd = () => {};

  constructor(session: Session, vmx: string, isHeadless: boolean) {
    this.machine = new Machine(session, session.paths.shown(vmx), vmx);
    this.isHeadless = isHeadless;
    this.log = new VmLog(this.machine.folder);
  }

  /** Powers the VM on and tells the starter how that went; the process lives on by its timers. */
  async start(): Promise<void> {
    process.on('uncaughtException', (cause) => this.crash(cause));
    process.on('SIGTERM', () => this.end());
    process.on('SIGUSR2', () => this.reload());
    try {
      this.run = powerOn(this.machine, this.isHeadless);
    } catch (cause) {
      if (!(cause instanceof PowerOnFailure)) this.log.write(`Msg_Post: Error ${String(cause)}`);
      this.giveUp();
      return;
    }
    const configuration = this.machine.configuration();
    if (configuration.isTrue('RemoteDisplay.vnc.enabled')) this.display = new RemoteDisplay(configuration, this.log);
    await this.display?.listen();
    this.live(this.run);
    report(this.run.isBlocked ? 'question' : 'running');
  }

  private live(run: Run): void {
    const { burnMsPerSecond, ballastMiB, crashAfterMs } = this.machine.knobs;
    const load = new Load(burnMsPerSecond, ballastMiB);
    let missed = 0;
    setInterval(() => {
      // Two beats, so that an editor that replaces the file without a rename does not end the VM.
      missed = existsSync(this.machine.vmx) ? 0 : missed + 1;
      if (missed > 1) this.end();
      else if (this.run && !this.run.isPaused && !this.run.isBlocked) this.work(load);
    }, BEAT_MS);
    const { clock } = this.machine.session;
    if (crashAfterMs >= 0) clock.at(clock.now() + crashAfterMs, () => process.kill(process.pid, 'SIGKILL'));
    if (!run.isBlocked) this.watchGuest(run);
  }

  /** What the guest does by itself: Tools come up, addresses are leased and renewed. */
  private watchGuest(run: Run): void {
    for (const cancel of this.guestTimers) cancel();
    const { clock } = this.machine.session;
    // What is due at once is so before anybody hears that the VM runs.
    const later = (at: number | undefined, work: () => void) => {
      if (at === undefined) return;
      if (at <= clock.now()) work();
      else this.guestTimers.push(clock.at(at, work));
    };
    this.guestTimers = [];
    later(run.toolsAt, () => this.log.write('Tools: Changing running status: 0 => 1.'));
    const renew = () => {
      takeLeases(this.machine, this.run ?? run);
      later(clock.now() + LEASE_MS / 2, renew);
    };
    later(run.addressAt, renew);
  }

  private work(load: Load): void {
    load.burn();
    const scoreboard = this.machine.companion('.scoreboard');
    if (!existsSync(scoreboard)) return;
    const file = openSync(scoreboard, 'r+');
    writeSync(file, Buffer.from(String(Date.now())), 0, undefined, 0);
    closeSync(file);
  }

  private reload(): void {
    const run = findRun(this.machine.session.registry, this.machine.vmx);
    if (!run || run.pid !== process.pid) return;
    const hasRebooted = run.toolsAt !== this.run?.toolsAt || run.addressAt !== this.run?.addressAt;
    this.run = run;
    if (hasRebooted) this.watchGuest(run);
    this.cancelEnd();
    if (run.ending) this.cancelEnd = this.machine.session.clock.at(run.ending.at, () => this.end());
  }

  private end(): void {
    const run = findRun(this.machine.session.registry, this.machine.vmx) ?? this.run;
    this.display?.close();
    if (run) endRun(this.machine, run);
    process.exit(0);
  }

  private giveUp(): void {
    releaseAllIn(this.machine.folder, process.pid);
    report('failed', () => process.exit(1));
  }

  /** Falls over as a real monitor does: locks and flags stay as they are. */
  private crash(cause: unknown): void {
    if (existsSync(this.machine.folder))
      this.log.write(`PANIC: ${cause instanceof Error ? cause.stack : String(cause)}`);
    else forgetRun(this.machine.session.registry, this.machine.vmx);
    process.exit(134);
  }
}

/** Tells the starter, if it is still there. */
function report(result: MonitorReport, then = () => process.connected && process.disconnect()): void {
  if (process.send && process.connected) process.send(result, () => then());
  else then();
}
