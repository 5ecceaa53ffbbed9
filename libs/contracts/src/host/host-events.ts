import { z } from 'zod';
import { defineEvent } from '../define.ts';
import { HostId, Timestamp } from '../ids.ts';
import { Health } from './host.ts';

const body = z.object({ host: HostId, incarnation: z.string(), health: Health.optional() });

export const hostOnline = defineEvent({
  name: 'host.online',
  summary: 'An agent has begun to work.',
  body,
  publisher: 'gateway',
});
export const hostOffline = defineEvent({
  name: 'host.offline',
  summary: 'A host has been silent for ten seconds.',
  body,
  publisher: 'gateway',
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
export const hostCutOff = defineEvent({
  name: 'host.cut-off',
  summary: 'An agent sent more than its host may, and the bus does not let it in until the time given.',
  body: z.object({ host: HostId, reason: z.string(), until: Timestamp }),
  publisher: 'gateway',
});
export const hostReadmitted = defineEvent({
  name: 'host.readmitted',
  summary: 'The bus lets in again the agent of a host that was cut off.',
  body: z.object({ host: HostId }),
  publisher: 'gateway',
});
