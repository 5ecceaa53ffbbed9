import type { FastifyInstance } from 'fastify';
import { sendJson } from '../http/reply.ts';
import { objectsAt, stringAt, type Json, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { bodyOf } from './request.ts';
import { batchRequest } from './schemas/infrastructure.ts';

const PREFIX = '/api/nutanix/v3';
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const;

/** Sends up to 60 requests through the same routes as if each had come alone. */
export function batchRoutes(app: FastifyInstance, prism: Prism): void {
  app.post('/batch', async (request, reply) => {
    const body = bodyOf(prism, request, batchRequest);
    const { authorization, cookie, 'x-ntnx-api-key': key } = request.headers;
    const headers = {
      ...(authorization === undefined ? {} : { authorization }),
      ...(cookie === undefined ? {} : { cookie }),
      ...(typeof key === 'string' ? { 'x-ntnx-api-key': key } : {}),
    };
    const one = async (item: JsonObject): Promise<JsonObject> => {
      const path = stringAt(item, 'path_and_params') ?? '';
      const method = METHODS.find((candidate) => candidate === item['operation']) ?? 'GET';
      const answer = await app.inject({
        method,
        url: path.startsWith(PREFIX) ? path : `${PREFIX}${path.startsWith('/') ? '' : '/'}${path}`,
        headers: { ...headers, ...(item['body'] === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(item['body'] === undefined ? {} : { payload: JSON.stringify(item['body']) }),
      });
      return { status: String(answer.statusCode), api_response: parsed(answer.body), path_and_params: path };
    };
    const items = objectsAt(body, 'api_request_list');
    if (body['execution_order'] === 'NON_SEQUENTIAL')
      return sendJson(reply, 200, { api_version: '3.1', api_response_list: await Promise.all(items.map(one)) });
    const answers: JsonObject[] = [];
    for (const item of items) {
      const answer = await one(item);
      answers.push(answer);
      if (body['action_on_failure'] === 'ABORT' && Number(answer['status']) >= 400) break;
    }
    return sendJson(reply, 200, { api_version: '3.1', api_response_list: answers });
  });
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // An empty or plain-text answer is passed on as the text it is.
    return text;
  }
}
