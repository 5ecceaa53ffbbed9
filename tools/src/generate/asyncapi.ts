import {
  buckets,
  CloudEvent,
  commands,
  events,
  Heartbeat,
  MetricsBatch,
  MinuteRollup,
  Problem,
  queries,
  streams,
  subjects,
  type CommandDefinition,
} from '@polyvirt/contracts';
import { z } from 'zod';

type Json = Record<string, unknown>;

/** Stands for the host in an address; parameters of AsyncAPI are written in braces. */
const HOST = '{host}';

const parameters = { host: { description: 'Id of the host that the agent looks after.' } };

/**
 * The bus as AsyncAPI 3.0, seen from an agent: it receives commands and queries, and sends everything else. The addresses
 * are the NATS subjects.
 */
export function asyncApiDocument(version: string): Json {
  const schemas = new Schemas();
  const channels: Json = {};
  const operations: Json = {};

  const channel = (id: string, address: string, description: string, messages: Json) => {
    channels[id] = { address, description, messages, ...(address.includes(HOST) ? { parameters } : {}) };
  };
  const operation = (id: string, action: 'send' | 'receive', summary: string, more: Json = {}) => {
    operations[id] = { action, channel: ref(`channels/${pointer(id)}`), summary, ...more };
  };

  for (const command of commands as readonly CommandDefinition[]) {
    const { verb, summary, message, permission } = command;
    const id = `command.${verb}`;
    channel(id, subjects.command(HOST, verb), summary, {
      command: { name: verb, summary, payload: schemas.add(message), headers: traceHeaders },
    });
    operation(id, 'receive', summary, {
      'x-stream': streams.commands.name,
      'x-permission': permission,
      'x-limit-seconds': command.limitSecondsOf({}),
    });
  }
  for (const { name, summary, body } of events) {
    const id = `event.${name}`;
    channel(id, subjects.event(HOST, name), summary, {
      event: {
        name,
        summary,
        contentType: 'application/cloudevents+json',
        headers: traceHeaders,
        payload: {
          allOf: [
            schemas.add(CloudEvent),
            { type: 'object', properties: { type: { const: name }, data: schemas.add(body) } },
          ],
        },
      },
    });
    operation(id, 'send', summary, { 'x-stream': streams.events.name });
  }
  for (const { name, summary, input, output } of queries) {
    const id = `query.${name}`;
    const replyId = `reply.${name}`;
    channel(id, subjects.query(HOST, name), summary, {
      query: { name, summary, payload: schemas.add(input), headers: traceHeaders },
    });
    channels[replyId] = {
      address: null,
      description: 'The inbox that the query names.',
      messages: {
        answer: { name: `${name} answer`, payload: schemas.add(output) },
        problem: { name: `${name} problem`, contentType: 'application/problem+json', payload: schemas.add(Problem) },
      },
    };
    operation(id, 'receive', summary, {
      reply: { address: { location: '$message.header#/Reply-To' }, channel: ref(`channels/${pointer(replyId)}`) },
    });
  }
  for (const { id, address, summary, schema, stream } of [
    { id: 'metrics', address: subjects.metrics(HOST), summary: 'One sweep over a host.', schema: MetricsBatch },
    {
      id: 'rollup',
      address: subjects.rollup(HOST),
      summary: 'One minute of a host.',
      schema: MinuteRollup,
      stream: streams.rollups.name,
    },
    { id: 'heartbeat', address: subjects.heartbeat(HOST), summary: 'The agent lives.', schema: Heartbeat },
  ]) {
    channel(id, address, summary, { [id]: { name: id, summary, payload: schemas.add(schema) } });
    operation(id, 'send', summary, stream === undefined ? {} : { 'x-stream': stream });
  }

  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Polyvirt bus',
      version,
      description:
        'What travels between the gateway, the agents and the organizer over NATS, seen from an agent. Clients of Polyvirt use the HTTP API instead.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      bus: { host: 'localhost:4222', protocol: 'nats', description: 'nats-server 2.9 or newer with JetStream.' },
    },
    channels,
    operations,
    components: { schemas: schemas.all },
    'x-streams': Object.values(streams),
    'x-buckets': Object.values(buckets),
  };
}

const traceHeaders = {
  type: 'object',
  properties: { traceparent: { type: 'string', description: 'W3C trace context.' } },
};

const ref = (path: string): Json => ({ $ref: `#/${path}` });
const pointer = (id: string) => id.replaceAll('~', '~0').replaceAll('/', '~1');

/** JSON schemas of zod's, with everything that has a name of its own in `components`. */
class Schemas {
  readonly all: Record<string, unknown> = {};

  add(schema: z.ZodType): Json {
    const {
      $schema: _,
      definitions,
      ...json
    } = z.toJSONSchema(schema, { target: 'draft-7', io: 'output', unrepresentable: 'any' }) as Json;
    for (const [name, definition] of Object.entries((definitions ?? {}) as Json)) this.all[name] ??= hoist(definition);
    const name = schema.meta()?.id;
    if (typeof name !== 'string') return hoist(json) as Json;
    this.all[name] ??= hoist(json);
    return ref(`components/schemas/${name}`);
  }
}

/** The same schema with references that hold in the whole document. */
function hoist(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hoist);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'id' || typeof (value as Json)['id'] !== 'string')
      .map(([key, member]) => [
        key,
        key === '$ref' && typeof member === 'string'
          ? member.replace('#/definitions/', '#/components/schemas/')
          : hoist(member),
      ]),
  );
}
