import { problemIn } from '@polyvirt/api-client';
import { UsageError, type Command } from '../declaration.ts';
import { writeOut } from '../download.ts';
import { printItem } from '../output/print.ts';
import { readText } from '../read-text.ts';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

export const queryCommand: Command = {
  name: 'query',
  summary: 'Send any request with your credential: `query GET /api/v1/vms`.',
  calls: [],
  asPerson: 'if-asked',
  args: [
    { name: 'METHOD', help: 'GET, POST, PUT, PATCH or DELETE.', choices: methods },
    { name: 'PATH', help: 'Path and query; /api/v1 is put in front of a path without it.' },
  ],
  options: {
    data: { short: 'd', value: 'JSON', help: 'Body; `@FILE` reads it from there, `@-` from standard input.' },
    header: { value: 'NAME:VALUE', many: true, help: 'A header.' },
  },
  examples: ['polyvirt query POST /vms/kvm-local~4b2c/start -d \'{}\' --header "Prefer: wait=30"'],
  run: async (invocation) => {
    const { args, given, terminal } = invocation;
    const [method, path] = args as [string, string];
    if (!path.startsWith('/')) throw new UsageError(`PATH begins with /, unlike ${JSON.stringify(path)}.`);
    const data = given.text('data');
    const body = data?.startsWith('@') ? await readText(data.slice(1)) : data;
    const headers = headersOf(given.list('header'));
    if (body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
    if (body !== undefined && method === 'GET') throw new UsageError('GET takes no --data.');
    const client = await invocation.client();
    const outside = /^\/(api|healthz|readyz|metrics|docs)\b/.test(path);
    const url = client.url + (outside ? path : `/api/v1${path}`);
    const response = await client.send(new Request(url, { method, headers, ...(body !== undefined && { body }) }));
    if (!response.ok) throw await problemIn(response);
    if (response.body === null) return;
    if (!/^application\/(?:[\w.+-]+\+)?json\b/.test(response.headers.get('content-type') ?? ''))
      return writeOut(response);
    const answer = (await response.json()) as object;
    if (given.text('output') === 'yaml') printItem(invocation, { columns: [], key: () => '' }, answer);
    else terminal.print(JSON.stringify(answer, undefined, 2));
  },
};

/** Throws `UsageError`. */
function headersOf(texts: readonly string[]): Headers {
  const headers = new Headers();
  for (const text of texts) {
    const at = text.indexOf(':');
    try {
      if (at < 1) throw new TypeError('there is no colon');
      headers.append(text.slice(0, at).trim(), text.slice(at + 1).trim());
    } catch {
      throw new UsageError(`--header takes NAME:VALUE, not ${JSON.stringify(text)}.`);
    }
  }
  return headers;
}
