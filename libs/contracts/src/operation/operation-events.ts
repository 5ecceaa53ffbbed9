import { z } from 'zod';
import { defineEvent } from '../define.ts';
import { Operation } from './operation.ts';

const body = z.object({ operation: Operation });

export const operationStarted = defineEvent({
  name: 'operation.started',
  summary: 'An agent has begun to carry out a command.',
  body,
});
export const operationProgressed = defineEvent({
  name: 'operation.progressed',
  summary: 'A step ended, or progress was made.',
  body,
});

const ended = body.extend({
  revision: z.int().optional().describe('Revision of the inventory that shows the effect.'),
});
export const operationSucceeded = defineEvent({
  name: 'operation.succeeded',
  summary: 'It ended as asked.',
  body: ended,
});
export const operationFailed = defineEvent({
  name: 'operation.failed',
  summary: 'It ended with a problem; `error` says which.',
  body: ended,
});
export const operationCancelled = defineEvent({
  name: 'operation.cancelled',
  summary: 'It ended because somebody cancelled it.',
  body: ended,
});

export const commandDeadLettered = defineEvent({
  name: 'command.dead-lettered',
  summary: 'A command that no agent could carry out was put aside; it is kept here.',
  body: z.object({ subject: z.string(), payload: z.string(), reason: z.string(), deliveries: z.int() }),
});
