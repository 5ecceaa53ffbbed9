import { z } from 'zod';
import { defineQuery } from '../define.ts';
import { OperationId, Timestamp } from '../ids.ts';

export const cancelOperation = defineQuery({
  name: 'operation-cancel',
  summary: 'Stop an operation at its next safe point and undo what it made.',
  input: z.object({ operationId: OperationId }),
  output: z.object({
    accepted: z.boolean().describe('False when the agent runs no such operation.'),
    cancelRequestedAt: Timestamp.optional().describe('When it was told to stop first.'),
  }),
});

export const listOperations = defineQuery({
  name: 'operation-list',
  summary: 'The operations that the agent has at hand: those that run, and those that wait for their turn.',
  input: z.object({}),
  output: z.object({ incarnation: z.string(), operationIds: z.array(OperationId) }),
});

export const identifyAgent = defineQuery({
  name: 'agent-identify',
  summary: 'Who looks after this host. An agent that gets an answer before it has begun is one too many.',
  input: z.object({}),
  output: z.object({ incarnation: z.string(), startedAt: z.string() }),
});
