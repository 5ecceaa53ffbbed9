import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  CreatedSubscriber,
  CreateSubscriberInput,
  pageOf,
  paging,
  Subscriber,
  SubscriberId,
  type Page,
} from '@polyvirt/contracts';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Changes } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { NeedsFreshPassword, RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { subscriberPath, Subscribers } from './subscribers.ts';

const SubscriberPage = pageOf(Subscriber, 'SubscriberPage');
const SubscriberListQuery = z.strictObject(paging).meta({ id: 'SubscriberListQuery' });
type SubscriberListQuery = z.infer<typeof SubscriberListQuery>;

@ApiTags('Events')
@Controller('subscribers')
export class SubscriberController {
  private readonly subscribers: Subscribers;

  constructor(subscribers: Subscribers) {
    this.subscribers = subscribers;
  }

  @Get()
  @RequirePermission('subscriber:manage')
  @Answers({ id: 'listSubscribers', summary: 'Programs that read events from the bus.', schema: SubscriberPage })
  list(@Query({ schema: SubscriberListQuery }) { limit, cursor }: SubscriberListQuery): Promise<Page<Subscriber>> {
    return this.subscribers.list(limit, cursor);
  }

  @Get(':id')
  @RequirePermission('subscriber:manage')
  @Answers({
    id: 'getSubscriber',
    summary: 'One of them.',
    schema: Subscriber,
    problems: ['subscriber-not-found'],
  })
  get(@Param('id', { schema: SubscriberId }) id: string): Promise<Subscriber> {
    return this.subscribers.get(id);
  }

  @Post()
  @RequirePermission('subscriber:manage')
  @NeedsFreshPassword()
  @Changes('subscriber.create')
  @Answers({
    id: 'createSubscriber',
    summary: 'Let a program read events from the bus. Its credential is shown this once.',
    status: 201,
    schema: CreatedSubscriber,
    problems: ['name-taken', 'insufficient-capacity', 'unavailable'],
  })
  async create(
    @Body({ schema: CreateSubscriberInput }) input: CreateSubscriberInput,
    @Caller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedSubscriber> {
    const created = await this.subscribers.create(input, caller);
    void reply.header('Location', subscriberPath(created.id));
    return created;
  }

  @Delete(':id')
  @HttpCode(204)
  @RequirePermission('subscriber:manage')
  @Changes('subscriber.delete', 'carried out')
  @Answers({
    id: 'deleteSubscriber',
    summary: 'Revoke the credential of a program; it loses its connection at once.',
    status: 204,
    problems: ['subscriber-not-found', 'unavailable'],
  })
  async remove(@Param('id', { schema: SubscriberId }) id: string, @Caller() caller: Caller): Promise<void> {
    await this.subscribers.remove(id, caller);
  }
}
