import { problemIn } from '@polyvirt/api-client';
import { UsageError, type Command } from '../declaration.ts';
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
    const client = await invocation.client();
    const headers = new Headers();
    for (const text of given.list('header')) {
      const at = text.indexOf(':');
      if (at < 1) throw new UsageError(`--header takes NAME:VALUE, not ${JSON.stringify(text)}.`);
      headers.append(text.slice(0, at).trim(), text.slice(at + 1).trim());
    }
    const data = given.text('data');
    const body = data?.startsWith('@') ? await readText(data.slice(1)) : data;
    if (body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
    const outside = /^\/(api|healthz|readyz|metrics|docs)\b/.test(path);
    const url = client.url + (outside ? path : `/api/v1${path}`);
    const response = await client.send(new Request(url, { method, headers, ...(body !== undefined && { body }) }));
    if (!response.ok) throw await problemIn(response);
    const text = await response.text();
    if (text === '') return;
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    if (given.text('output') === 'yaml' && isJson)
      printItem(invocation, { columns: [], key: () => '' }, JSON.parse(text) as object);
    else terminal.print(isJson ? JSON.stringify(JSON.parse(text), undefined, 2) : text.replace(/\n$/, ''));
  },
};
