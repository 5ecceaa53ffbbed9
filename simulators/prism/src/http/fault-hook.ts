import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RequestEffect } from '../knobs/fault.ts';
import type { Prism } from '../prism.ts';
import { factsOf, pathOf } from './caller.ts';
import { sendStatus } from './errors.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** A fault that strikes when the request has taken effect. */
    lateFault?: RequestEffect;
  }
}

const crash = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

const TASK_PATH = /\/tasks\/(?:ZXJnb24=:)?([0-9a-f-]{36})/i;

/** What the task does that a path is about. */
function taskIn(prism: Prism, path: string): { operation?: string } {
  const uuid = TASK_PATH.exec(path)?.[1];
  const task = uuid === undefined ? undefined : prism.store.get('task', uuid.toLowerCase());
  return task === undefined ? {} : { operation: task.operation };
}

/** Carries out the faults of requests. Those that strike before the request takes effect win over its login and its limits. */
export function installFaults(app: FastifyInstance, prism: Prism): void {
  app.addHook('preValidation', async (request, reply) => {
    const fault = prism.faults.forRequest({ ...factsOf(request), ...taskIn(prism, pathOf(request)) });
    if (fault !== undefined) await strike(prism, fault, request, reply);
  });

  app.addHook('onSend', (request, reply, payload, done) => {
    const fault = request.lateFault;
    if (fault === undefined) return done(null, payload);
    if (fault.kind === 'crash') return crash();
    if (fault.kind === 'cut') sendHalf(reply, payload);
    // The answer was made and is lost on the way: the hook never calls back.
    else reply.raw.socket?.destroy();
    reply.hijack();
  });
}

async function strike(prism: Prism, fault: RequestEffect, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  switch (fault.kind) {
    case 'refuse':
      reply.hijack();
      request.raw.socket.destroy();
      return;
    case 'hang':
      reply.hijack();
      return;
    case 'slow':
      await prism.clock.sleep(prism.site.delay(fault.ms));
      return;
    case 'drop':
    case 'cut':
      request.lateFault = fault;
      return;
    case 'crash':
      if (fault.when === 'after') request.lateFault = fault;
      else crash();
      return;
    case 'expire':
      prism.sessions.expireAll(prism.clock.now());
      sendStatus(prism, request, reply, 401);
      return;
    case 'status':
      if (fault.ms !== undefined) await prism.clock.sleep(prism.site.delay(fault.ms));
      sendStatus(prism, request, reply, fault.status, fault);
  }
}

function sendHalf(reply: FastifyReply, payload: unknown): void {
  const bytes = Buffer.from(typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : '');
  const { raw } = reply;
  raw.writeHead(reply.statusCode, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-length': bytes.length,
  });
  raw.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => raw.socket?.destroy());
}
