import { Body, Controller, Delete, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  AddHostInput,
  DrainHostInput,
  Host,
  HostId,
  JoinedHost,
  JoinHostInput,
  JoinInvitation,
  RemoveHostQuery,
} from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Changes, ChangesByCredential } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { NeedsFreshPassword, Public, RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { HostDrains } from './host-drains.ts';
import { HostJoins, hostPath } from './host-joins.ts';
import { HostRemovals } from './host-removals.ts';

@ApiTags('Hosts')
@Controller('hosts')
export class HostJoinsController {
  constructor(
    private readonly joins: HostJoins,
    private readonly removals: HostRemovals,
    private readonly drains: HostDrains,
  ) {}

  @Post()
  @RequirePermission('host:manage')
  @NeedsFreshPassword()
  @Changes('host.add')
  @Answers({
    id: 'addHost',
    summary: 'Add a host: the line to run on it, with a token that is good once, for 30 minutes.',
    status: 201,
    schema: JoinInvitation,
    problems: ['name-taken', 'insufficient-capacity', 'unavailable'],
  })
  async add(
    @Body({ schema: AddHostInput }) input: AddHostInput,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JoinInvitation> {
    const invitation = await this.joins.add(input, caller, addressOf(request));
    void reply.header('Location', hostPath(invitation.host));
    return invitation;
  }

  @Post('join')
  @HttpCode(200)
  @Public()
  @ChangesByCredential('host.join')
  @Answers({
    id: 'joinHost',
    summary: 'Join as a host, by the token of an invitation; `polyvirt-agent join` does it.',
    description:
      'The key is made on the new host, and only its public half is sent. Whoever has joined may repeat the request with the same ' +
      'key while the token is good, if the answer was lost.',
    schema: JoinedHost,
    problems: ['unauthenticated', 'host-not-found', 'join-token-used', 'join-token-expired', 'unavailable'],
  })
  join(@Body({ schema: JoinHostInput }) input: JoinHostInput, @Req() request: FastifyRequest): Promise<JoinedHost> {
    return this.joins.redeem(input, {
      address: request.ip,
      requestId: request.id,
      clientRequestId: request.clientRequestId,
    });
  }

  @Post(':hostId/rotate')
  @HttpCode(200)
  @RequirePermission('host:manage')
  @NeedsFreshPassword()
  @Changes('host.rotate')
  @Answers({
    id: 'rotateHost',
    summary:
      'Give a host another key: the line to run on it. A minute after it has joined with that, the one before is good no more.',
    schema: JoinInvitation,
    problems: ['host-not-found', 'wrong-state', 'unavailable'],
  })
  rotate(
    @Param('hostId', { schema: HostId }) id: HostId,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
  ): Promise<JoinInvitation> {
    return this.joins.rotate(id, caller, addressOf(request));
  }

  @Post(':hostId/drain')
  @HttpCode(200)
  @RequirePermission('host:manage')
  @Changes('host.drain')
  @Answers({
    id: 'drainHost',
    summary: 'Have a host take nothing new but stop, suspend, cancel and delete, or take commands again.',
    description: 'What has begun goes on. It lasts over restarts of the agent and of the host.',
    schema: Host,
    problems: ['host-not-found'],
  })
  drain(
    @Param('hostId', { schema: HostId }) id: HostId,
    @Body({ schema: DrainHostInput }) { draining }: DrainHostInput,
    @Caller() caller: Caller,
  ): Promise<Host> {
    return this.drains.set(id, draining, caller);
  }

  @Delete(':hostId')
  @HttpCode(204)
  @RequirePermission('host:manage')
  @Changes('host.remove')
  @Answers({
    id: 'removeHost',
    summary:
      'Remove a host: its agent loses the connection at once, and its VMs are shown no more. Nothing of them is changed.',
    status: 204,
    problems: ['host-not-found', 'wrong-state', 'unavailable'],
  })
  async remove(
    @Param('hostId', { schema: HostId }) id: HostId,
    @Query({ schema: RemoveHostQuery }) { force }: RemoveHostQuery,
    @Caller() caller: Caller,
  ): Promise<void> {
    await this.removals.remove(id, force, caller);
  }
}

/** At which the caller reaches this gateway. */
const addressOf = ({ protocol, host }: FastifyRequest): string => `${protocol}://${host}`;
