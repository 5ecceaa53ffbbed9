import { chmodSync } from 'node:fs';
import fastify, { type FastifyInstance } from 'fastify';
import type { CallCounter } from '../http/call-counter.ts';
import { isObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { booting, logged, touched, suspended, withoutPower, withPower } from '../vms/vm-power.ts';
import { clockRoutes } from './clock.routes.ts';
import { disguiseRoutes } from './disguise.routes.ts';
import { NoSuchFault } from './fault.ts';
import { KnobError } from './knob-settings.ts';

/** The control plane: plain HTTP on the loopback interface or a socket, never in the URL space of Prism. */
export function createControl(prism: Prism, calls: CallCounter): FastifyInstance {
  const app = fastify();

  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status = error instanceof KnobError ? 400 : error instanceof NoSuchFault ? 404 : (error.statusCode ?? 500);
    return reply.code(status).send({ error: error.message });
  });

  app.get('/knobs', () => prism.knobs.current);
  app.patch('/knobs', async (request) => {
    prism.knobs.patch(request.body);
    await prism.knobs.applied();
    return prism.knobs.current;
  });
  app.put('/knobs', async (request) => {
    prism.knobs.replace(request.body);
    await prism.knobs.applied();
    return prism.knobs.current;
  });
  app.delete('/knobs', async () => {
    prism.knobs.replace({});
    await prism.knobs.applied();
    return prism.knobs.current;
  });

  app.get('/faults', () => ({ faults: prism.faults.list() }));
  app.post('/faults', (request, reply) => reply.code(201).send(prism.faults.add(request.body)));
  app.delete('/faults', () => {
    prism.faults.replace([]);
    return { faults: [] };
  });
  app.delete('/faults/:id', (request) => ({ removed: prism.faults.remove((request.params as { id: string }).id) }));

  // Answers no sooner: whoever has aimed a fault at a call need not look again and again whether it has met it.
  app.get('/faults/:id/struck', async (request) => {
    const { id } = request.params as { id: string };
    const times = Number((request.query as { times?: string }).times ?? 1);
    if (!Number.isInteger(times) || times < 1) throw new KnobError('times must be a whole number from 1');
    await prism.faults.struck(id, times);
    return { id, struck: times };
  });

  clockRoutes(app, prism);

  disguiseRoutes(app, prism.disguises);

  app.get('/calls', () => calls.report());
  app.delete('/calls', () => {
    calls.reset();
    return calls.report();
  });

  app.post('/sessions/expire', () => {
    prism.sessions.expireAll(prism.clock.now());
    return {};
  });

  app.get('/vms/:uuid/power', (request) => {
    const { uuid } = request.params as { uuid: string };
    return { uuid, events: prism.store.get('vm', uuid)?.powerLog ?? [] };
  });

  // As Prism Element and acli do it.
  app.post('/vms/:uuid/suspend', (request) => {
    const { uuid } = request.params as { uuid: string };
    const vm = prism.store.get('vm', uuid);
    if (vm?.power !== 'ON') throw Object.assign(new Error(`vm ${uuid} is not on`), { statusCode: 409 });
    const now = prism.clock.now();
    prism.store.commit([['vm', uuid, touched(logged(suspended(vm), 'suspend', now), now, 2)]]);
    return { uuid, power: 'SUSPENDED' };
  });

  // What a guest does of its own accord, which no API of Prism could bring about.
  app.post('/vms/:uuid/guest', (request) => {
    const { uuid } = request.params as { uuid: string };
    const vm = prism.store.get('vm', uuid);
    if (vm === undefined) throw Object.assign(new Error(`vm ${uuid} does not exist`), { statusCode: 404 });
    const body = isObject(request.body) ? request.body : {};
    const now = prism.clock.now();
    let next = vm;
    if (typeof body['responsive'] === 'boolean') next = { ...next, guestResponsive: body['responsive'] };
    switch (body['does']) {
      case undefined:
        break;
      case 'shutdown':
        next = touched(logged(withoutPower(next), 'guestShutdown', now), now, 2);
        break;
      case 'reboot':
        next = touched(logged(booting(prism.site, next, now), 'guestReboot', now), now);
        break;
      case 'wake':
        next = touched(logged(withPower(prism.site, next, now), 'on', now), now, 2);
        break;
      default:
        throw new KnobError('does must be shutdown, reboot or wake');
    }
    prism.store.commit([['vm', uuid, next]]);
    return { uuid, power: next.power, responsive: next.guestResponsive ?? prism.knobs.get('guest.responsive') };
  });

  return app;
}

/** Listens on a port of the loopback interface or on a socket that only its owner may use. @returns where. */
export async function listenControl(app: FastifyInstance, at: { port: number } | { socket: string }): Promise<string> {
  if ('port' in at) return app.listen({ port: at.port, host: '127.0.0.1' });
  await app.listen({ path: at.socket });
  chmodSync(at.socket, 0o600);
  return `unix:${at.socket}`;
}
