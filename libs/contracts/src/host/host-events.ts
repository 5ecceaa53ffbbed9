import { z } from 'zod';
import { defineEvent } from '../define.ts';
import { HostId, Timestamp } from '../ids.ts';
import { Hypervisor } from '../vm/vm.ts';
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
export const hostAdded = defineEvent({
  name: 'host.added',
  summary: 'Somebody has made a token with which a machine may join as this host.',
  body: z.object({ host: HostId, hypervisor: Hypervisor, by: z.string() }),
  publisher: 'gateway',
});
export const hostJoined = defineEvent({
  name: 'host.joined',
  summary:
    'A machine has joined as this host, with a key of its own. One that had joined as this host before loses its own within a minute.',
  body: z.object({ host: HostId, hypervisor: Hypervisor, agentVersion: z.string() }),
  publisher: 'gateway',
});
export const hostDrainChanged = defineEvent({
  name: 'host.drain-changed',
  summary: 'Somebody has had a host take nothing new but what ends work, or take commands again.',
  body: z.object({ host: HostId, draining: z.boolean(), by: z.string() }),
  publisher: 'gateway',
});
export const hostRemoved = defineEvent({
  name: 'host.removed',
  summary: 'A host and its VMs are no longer looked after. Nothing of them was changed.',
  body: z.object({ host: HostId }),
  publisher: 'gateway',
});
