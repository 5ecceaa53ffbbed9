import { randomBytes } from 'node:crypto';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ask, Bus } from '@polyvirt/bus';
import {
  asProblemError,
  consoleActions,
  openConsole,
  parseVmId,
  ProblemError,
  verdictOn,
  type ConsoleKind,
  type VmId,
} from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { Audit, type Actor, type AuditEntry } from '../audit/audit.ts';
import { Authentication } from '../auth/authentication.ts';
import type { CredentialId } from '../auth/caller.decorator.ts';
import { requirePermission } from '../auth/require-permission.ts';
import { IdentityChanges } from '../auth/identity-changes.ts';
import { Hosts } from '../hosts/hosts.ts';
import { Inventory } from '../inventory/inventory.ts';
import { LOGGER } from '../logger.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { Commands } from '../vms/commands.ts';
import { closeCodes, ConsoleRelay } from './console-relay.ts';

/** Which console somebody looks at, by what right. */
export interface Viewing {
  readonly vmId: VmId;
  readonly kind: ConsoleKind;
  readonly owner: CredentialId;
}

/** The consoles that are open through this gateway. Each ends with the VM, its host, or the right of who looks at it. */
@Injectable()
export class Consoles implements OnModuleInit, BeforeApplicationShutdown {
  private readonly relays = new Map<ConsoleRelay, Viewing>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly inventory: Inventory,
    private readonly hosts: Hosts,
    private readonly commands: Commands,
    private readonly authentication: Authentication,
    private readonly changes: IdentityChanges,
    private readonly audit: Audit,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  onModuleInit(): void {
    this.inventory.onChange((id, entry) => {
      if (!entry) this.endAll('The VM is gone.', ({ vmId }) => vmId === id);
      else if (!verdictOn('console', entry.record.state).allowed)
        this.endAll(`The VM is ${entry.record.state}.`, ({ vmId }) => vmId === id);
    });
    this.hosts.onTransition(({ host, to }) => {
      if (to === 'offline') this.endAll('The host is offline.', ({ vmId }) => parseVmId(vmId).host === host);
    });
    this.changes.onChange(() => this.verifyAll());
    // Changes are told; that the time of a session or a token is over, is not.
    this.timer = setInterval(() => this.verifyAll(), this.times.consoleVerifyMs).unref();
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
    this.endAll('The gateway is shutting down.', () => true);
  }

  /**
   * Has the agent open a session for who owns the credential. Throws `unauthenticated` or `forbidden` when they may no
   * longer, and what the state of the VM, its host or the agent say against it.
   */
  async open(viewing: Viewing, by: Actor): Promise<ConsoleRelay> {
    const { vmId, kind, owner } = viewing;
    const { host, nativeId } = parseVmId(vmId);
    let isOpen = false;
    const session = randomBytes(24).toString('base64url');
    const relay: ConsoleRelay = new ConsoleRelay(this.bus, host, session, () => {
      this.relays.delete(relay);
      if (isOpen) void this.note(by, { action: 'console.close', outcome: 'succeeded', target: vmId });
    });
    // Before the owner is looked at, so that no change after the look is missed.
    this.relays.set(relay, viewing);
    try {
      await this.requireRight(owner);
      this.commands.requireAction(vmId, consoleActions[kind]);
      const question = { nativeId, session, kind, by: by.actor };
      await ask(this.bus, openConsole, host, question, { requestId: by.requestId });
      await this.audit.note(by, { action: 'console.open', outcome: 'succeeded', target: vmId });
      isOpen = true;
      return relay;
    } catch (error) {
      relay.end('The console could not be opened.');
      const { code } = asProblemError(error);
      const outcome = code === 'internal' ? 'failed' : 'refused';
      await this.note(by, { action: 'console.open', outcome, target: vmId, code });
      throw error;
    }
  }

  /** That it could not be recorded is no reason to do otherwise. */
  private async note(by: Actor, entry: AuditEntry): Promise<void> {
    await this.audit
      .note(by, entry)
      .catch((err: unknown) => this.logger.error({ err, ...entry }, 'what became of a console was not recorded'));
  }

  private verifyAll(): void {
    for (const [relay, viewing] of this.relays) void this.verify(relay, viewing);
  }

  /** A console outlives the ticket that opened it; it must not outlive the right to it. */
  private async verify(relay: ConsoleRelay, { vmId, owner }: Viewing): Promise<void> {
    try {
      await this.requireRight(owner);
    } catch (error) {
      if (error instanceof ProblemError) relay.end(`Access has ended. ${error.message}`, closeCodes.policy);
      else this.logger.warn({ err: error, vmId }, 'cannot verify who looks at a console');
    }
  }

  private async requireRight(owner: CredentialId): Promise<void> {
    requirePermission(await this.authentication.lookAgain(owner), 'vm:console');
  }

  private endAll(reason: string, isMeant: (viewing: Viewing) => boolean): void {
    for (const [relay, viewing] of [...this.relays]) if (isMeant(viewing)) relay.end(reason);
  }
}
