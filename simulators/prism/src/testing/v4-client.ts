import { randomUUID } from 'node:crypto';
import type { Json, JsonObject } from '../json.ts';
import { TERMINAL, type Answer, type PrismProcess } from './prism-process.ts';

const VMS = '/ahv/config/vms';

/** What a v4 client does around its calls: request ids, ETags and waiting for tasks. */
export class V4Client {
  constructor(
    readonly prism: PrismProcess,
    readonly version = 'v4.2',
  ) {}

  vmm(method: string, path: string, body?: Json, headers: Record<string, string> = {}): Promise<Answer> {
    return this.prism.call(method, `/api/vmm/${this.version}${path}`, body, { headers });
  }

  async etag(uuid: string): Promise<string> {
    return String((await this.vmm('GET', `${VMS}/${uuid}`)).headers['etag']);
  }

  /** A write on a VM with a request id and the current ETag. */
  async write(
    method: string,
    uuid: string,
    path: string,
    body?: Json,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const known = { 'ntnx-request-id': randomUUID(), 'if-match': await this.etag(uuid) };
    return this.vmm(method, `${VMS}/${uuid}${path}`, body, { ...known, ...headers });
  }

  async vm(uuid: string): Promise<JsonObject> {
    return (await this.vmm('GET', `${VMS}/${uuid}`)).body['data'] as JsonObject;
  }

  /** The task of an accepted write, once it has ended. */
  async done(answer: Answer): Promise<JsonObject> {
    if (answer.status !== 202) throw new Error(`not accepted: ${answer.status} ${answer.text}`);
    const extId = String((answer.body['data'] as JsonObject)['extId']);
    await this.prism.task(extId.replace('ZXJnb24=:', ''));
    const { body } = await this.prism.call('GET', `/api/prism/v4.0/config/tasks/${extId}`);
    const task = body['data'] as JsonObject;
    if (!TERMINAL.includes(String(task['status']))) throw new Error(`task has not ended: ${JSON.stringify(task)}`);
    return task;
  }

  async create(body: JsonObject): Promise<string> {
    const task = await this.done(await this.vmm('POST', VMS, body, { 'ntnx-request-id': randomUUID() }));
    if (task['status'] !== 'SUCCEEDED') throw new Error(`create failed: ${JSON.stringify(task)}`);
    return String((task['entitiesAffected'] as JsonObject[])[0]?.['extId']);
  }
}

export const codeOf = (answer: Answer): string => {
  const errors = (answer.body['data'] as JsonObject | undefined)?.['error'];
  return Array.isArray(errors) ? String((errors[0] as JsonObject)['code']) : '';
};
