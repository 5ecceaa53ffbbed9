import type { FastifyReply } from 'fastify';
import type { Json } from '../json.ts';

/** Answers JSON as Prism does: the type without a charset. */
export function sendJson(reply: FastifyReply, status: number, body: Json | object): FastifyReply {
  return reply.code(status).header('content-type', 'application/json').send(JSON.stringify(body));
}
