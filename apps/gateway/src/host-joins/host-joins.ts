import { Inject, Injectable } from '@nestjs/common';
import { Bus, ensureCommandConsumer, isProofOf, makeEvent, publishEvent } from '@polyvirt/bus';
import {
  hostAdded,
  hostJoined,
  ProblemError,
  type AddHostInput,
  type HostId,
  type JoinedHost,
  type JoinHostInput,
  type JoinInvitation,
} from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { IsNull, Not, type EntityManager } from 'typeorm';
import type { z } from 'zod';
import { Audit } from '../audit/audit.ts';
import type { Caller } from '../auth/caller.decorator.ts';
import { BusAccounts } from '../bus/bus-accounts.ts';
import { isoTime } from '../database/columns.ts';
import { isDuplicate } from '../database/database-errors.ts';
import { Database } from '../database/database.ts';
import { HostAccounts } from '../hosts/host-accounts.ts';
import { HostJoinEntity } from '../hosts/host-join.entity.ts';
import { HostRegister } from '../hosts/host-register.ts';
import { Hosts } from '../hosts/hosts.ts';
import { RegisteredHostEntity } from '../hosts/registered-host.entity.ts';
import { invalidInput } from '../http/faults.ts';
import { LOGGER } from '../logger.ts';
import { RateLimits } from '../rate-limit/rate-limits.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { lockHost, notFound } from './host-changes.ts';
import { Invitations } from './invitations.ts';
import { drawToken, idOfToken, isToken, type JoinToken } from './join-token.ts';
import { withinPatience } from './patience.ts';

/** Each is an account of nats-server. */
const mostHosts = 1_000;
const longestActor = 160;
const joining = 'host.join';

export const hostPath = (id: HostId): string => `/api/v1/hosts/${id}`;

/** A request of a machine that has no credential yet. */
export interface Newcomer {
  readonly address: string;
  readonly requestId: string;
  readonly clientRequestId?: string | undefined;
}

/**
 * How machines become hosts: somebody makes a token, and the machine that shows it gets an account on the bus for a key of its own.
 * The rows come first; what the bus has to have for them `HostAccounts` makes again at every start, so that a gateway that is killed
 * in between leaves a host that can ask again with the same key, which nobody else has.
 */
@Injectable()
export class HostJoins {
  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
    private readonly busAccounts: BusAccounts,
    private readonly accounts: HostAccounts,
    private readonly hosts: Hosts,
    private readonly register: HostRegister,
    private readonly invitations: Invitations,
    private readonly audit: Audit,
    private readonly limits: RateLimits,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  /** The token is in this answer and nowhere else. Throws `name-taken` when there is a host of that id. */
  async add({ id, hypervisor }: AddHostInput, caller: Caller, address: string): Promise<JoinInvitation> {
    this.requireAccounts();
    if (this.hosts.get(id)) throw taken(id);
    const token = drawToken();
    const now = Date.now();
    const row: RegisteredHostEntity = {
      id,
      hypervisor,
      createdBy: caller.actor,
      createdAt: now,
      revision: 0,
      drainedAt: null,
      drainedBy: null,
      removedAt: null,
    };
    const invitation = this.invite(row, token, now, address);
    try {
      await this.database.transaction(async (manager) => {
        if ((await manager.countBy(RegisteredHostEntity, {})) >= mostHosts)
          throw new ProblemError(
            'insufficient-capacity',
            `There are ${mostHosts} hosts, which is the most. Remove one first.`,
          );
        await manager.insert(RegisteredHostEntity, row);
        await this.write(manager, row, token, caller, now);
        await this.audit.record(manager, caller, {
          action: 'host.add',
          outcome: 'succeeded',
          target: id,
          detail: hypervisor,
        });
        await caller.idempotency?.answer(manager, {
          status: 201,
          body: invitation,
          headers: { location: hostPath(id) },
        });
      });
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      throw taken(id, error);
    }
    await this.register.refresh();
    await this.tellAdded(id, token.id, { host: id, hypervisor, by: caller.actor });
    return invitation;
  }

  /** Another token for a host. Until somebody joins by it, the key that the host has stays good; the token before is not any more. */
  async rotate(id: HostId, caller: Caller, address: string): Promise<JoinInvitation> {
    this.requireAccounts();
    const token = drawToken();
    const now = Date.now();
    const invitation = await this.database.transaction(async (manager) => {
      const row = await lockHost(manager, id);
      if (!row && !this.hosts.get(id)) throw notFound(id);
      if (!row || (await manager.countBy(HostJoinEntity, { host: id, endsAt: IsNull() })) === 0)
        throw new ProblemError(
          'wrong-state',
          `${id} has its credential from whoever starts it, and not by joining. Give its agent another one there.`,
        );
      await manager.delete(HostJoinEntity, { host: id, joinedAt: IsNull() });
      await this.write(manager, row, token, caller, now);
      await this.audit.record(manager, caller, { action: 'host.rotate', outcome: 'succeeded', target: id });
      const made = this.invite(row, token, now, address);
      await caller.idempotency?.answer(manager, { status: 200, body: made });
      return made;
    });
    await this.register.refresh();
    return invitation;
  }

  /**
   * Lets a machine in; of several with one token one succeeds, and that one may repeat the request while the token is good. Throws
   * `unauthenticated`, `join-token-used` and `join-token-expired`.
   */
  async redeem(input: JoinHostInput, from: Newcomer): Promise<JoinedHost> {
    const { token, publicKey, proof, agentVersion } = input;
    const found = await this.database.repository(HostJoinEntity).findOneBy({ id: idOfToken(token) });
    const row = found && isToken(token, found.tokenHash) ? found : undefined;
    try {
      if (!row)
        throw new ProblemError(
          'unauthenticated',
          'The token is none of this gateway. Copy the whole line that showed it, or have another made.',
        );
      if (!isProofOf(publicKey, token, proof))
        throw invalidInput('body', [{ pointer: '/proof', detail: 'It is no signature of the token by that key.' }]);
      if (row.joinedAt === null) await this.take(row, { publicKey, agentVersion }, from);
      else if (row.publicKey !== publicKey || row.endsAt !== null || row.expiresAt <= Date.now()) throw used(row);
    } catch (error) {
      await this.noteRefusal(error, row?.host, from);
      throw error;
    }
    await this.register.refresh();
    return withinPatience('The message bus is away. Run the same line again in a moment.', (signal) =>
      this.admit({ ...row, publicKey, agentVersion }, signal),
    );
  }

  private async take(
    { id, host, expiresAt, createdBy }: HostJoinEntity,
    key: Pick<JoinHostInput, 'publicKey' | 'agentVersion'>,
    from: Newcomer,
  ): Promise<void> {
    const now = Date.now();
    if (expiresAt <= now)
      throw new ProblemError(
        'join-token-expired',
        `The token was good until ${isoTime(expiresAt)}. \`polyvirt host rotate ${host}\` makes another.`,
      );
    await this.database.transaction(async (manager) => {
      if (!(await lockHost(manager, host))) throw notFound(host);
      const joined = { ...key, joinedAt: now, joinedFrom: from.address };
      const { affected } = await manager.update(HostJoinEntity, { id, joinedAt: IsNull() }, joined);
      if (affected !== 1) {
        const now = await manager.findOneBy(HostJoinEntity, { id });
        if (!now) throw notFound(host);
        throw used(now);
      }
      const before = { host, id: Not(id), joinedAt: Not(IsNull()), endsAt: IsNull() };
      await manager.update(HostJoinEntity, before, { endsAt: now + this.times.oldKeyMs });
      const actor = `${createdBy}/join`.slice(0, longestActor);
      await this.audit.record(
        manager,
        { ...from, actor },
        { action: joining, outcome: 'succeeded', target: host, detail: `key ${key.publicKey}` },
      );
    });
  }

  /** Everything in it may be done twice. */
  private async admit(
    { id, host, publicKey, agentVersion }: HostJoinEntity & { publicKey: string; agentVersion: string },
    signal: AbortSignal,
  ): Promise<JoinedHost> {
    const { row } = this.register.get(host) ?? {};
    if (!row) throw notFound(host);
    await this.accounts.issue(host, { signal });
    await ensureCommandConsumer(this.bus, host, signal);
    await publishEvent(
      this.bus,
      host,
      makeEvent(hostJoined, {
        id: `${id}:joined`,
        source: `/hosts/${host}/gateway`,
        subject: host,
        data: { host, hypervisor: row.hypervisor, agentVersion },
      }),
      { signal },
    );
    const expiresAt = Date.now() + this.times.admissionMs;
    const { authority } = this.busAccounts.keeper;
    const { token: userJwt, messageKey } = await authority.admit({ host, join: id, publicKey, expiresAt });
    return {
      host,
      hypervisor: row.hypervisor,
      userJwt,
      messageKey,
      expiresAt: isoTime(expiresAt),
      ...(await this.invitations.bus()),
    };
  }

  private invite(
    { id, hypervisor }: RegisteredHostEntity,
    token: JoinToken,
    now: number,
    address: string,
  ): JoinInvitation {
    const expiresAt = now + this.times.joinTokenMs;
    return this.invitations.write({ host: id, hypervisor, token: token.text, expiresAt }, address);
  }

  private async write(
    manager: EntityManager,
    { id: host }: RegisteredHostEntity,
    token: JoinToken,
    caller: Caller,
    now: number,
  ): Promise<void> {
    await manager.insert(HostJoinEntity, {
      id: token.id,
      host,
      tokenHash: token.hash,
      expiresAt: now + this.times.joinTokenMs,
      createdBy: caller.actor,
      createdAt: now,
      joinedAt: null,
      joinedFrom: null,
      publicKey: null,
      agentVersion: null,
      endsAt: null,
    });
  }

  /** What is not told now nobody misses: the host is in the list. */
  private async tellAdded(host: HostId, join: string, data: z.infer<typeof hostAdded.body>): Promise<void> {
    const event = makeEvent(hostAdded, { id: `${join}:added`, source: `/hosts/${host}/gateway`, subject: host, data });
    try {
      await withinPatience('The message bus is away.', (signal) => publishEvent(this.bus, host, event, { signal }));
    } catch (err) {
      this.logger.warn({ err, host }, 'cannot tell that a host was added');
    }
  }

  private async noteRefusal(error: unknown, host: HostId | undefined, from: Newcomer): Promise<void> {
    if (!(error instanceof ProblemError) || !(await this.limits.mayRecord(from.address))) return;
    const entry = { action: joining, outcome: 'refused', code: error.code, target: host } as const;
    await this.audit.note({ ...from, actor: '-' }, entry);
  }

  private requireAccounts(): void {
    void this.busAccounts.keeper;
  }
}

const taken = (id: HostId, cause?: unknown): ProblemError =>
  new ProblemError(
    'name-taken',
    `There is a host ${id} already. \`polyvirt host rotate ${id}\` makes another token for it; \`polyvirt host remove ${id}\` takes it away.`,
    { cause },
  );

const used = ({ host, joinedAt, joinedFrom }: HostJoinEntity): ProblemError =>
  new ProblemError(
    'join-token-used',
    `The token was used from ${joinedFrom ?? 'an unknown address'} at ${isoTime(joinedAt ?? 0)}. If that was not you, remove the host now: \`polyvirt host remove ${host}\`. \`polyvirt host rotate ${host}\` makes another token.`,
  );
