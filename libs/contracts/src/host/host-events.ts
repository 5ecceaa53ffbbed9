import { z } from 'zod';
import { defineEvent } from '../define.ts';
import { HostId } from '../ids.ts';
import { Health } from './host.ts';

const body = z.object({ host: HostId, incarnation: z.string(), health: Health.optional() });

export const hostOnline = defineEvent({ name: 'host.online', summary: 'An agent has begun to work.', body });
export const hostOffline = defineEvent({
  name: 'host.offline',
  summary: 'A host has been silent for ten seconds.',
  body,
});
export const hostDraining = defineEvent({
  name: 'host.draining',
  summary: 'An agent finishes what it has begun and takes nothing new.',
  body,
});
export const hostHealthChanged = defineEvent({
  name: 'host.health-changed',
  summary: 'The hypervisor became usable or ceased to be.',
  body,
});
