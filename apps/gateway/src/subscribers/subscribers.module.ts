import { Module } from '@nestjs/common';
import { SubscriberController } from './subscriber.controller.ts';
import { Subscribers } from './subscribers.ts';

@Module({ controllers: [SubscriberController], providers: [Subscribers] })
export class SubscribersModule {}
