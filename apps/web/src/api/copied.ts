import type { Call } from './changes.ts';

const quote = (text: string): string => (/^[\w./:=@+-][\w./~:=@+-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** For a shell, with the token left to the environment. */
export function asCurl({ method, path, body }: Call, origin = location.origin): string {
  return [
    `curl -X ${method} ${quote(origin + path)}`,
    `-H "Authorization: Bearer $POLYVIRT_TOKEN"`,
    ...(body === undefined ? [] : [`-H 'Content-Type: application/json'`, `-d ${quote(JSON.stringify(body))}`]),
  ].join(' \\\n  ');
}

type Fields = Record<string, unknown>;

/** Options of `vm set` and `vm clone`, by the field that each is for; a call with another field is sent as it is. */
const options: Record<string, (value: never) => readonly string[]> = {
  name: (name: string) => ['--name', name],
  cpus: (cpus: number) => ['--cpus', String(cpus)],
  memoryMiB: (memoryMiB: number) => ['--memory', String(memoryMiB)],
  notes: (notes: string) => ['--notes', notes],
  protected: (isProtected: boolean) => [isProtected ? '--protect' : '--no-protect'],
  labels: (labels: Record<string, string>) =>
    Object.keys(labels).length === 0
      ? ['--labels', '']
      : Object.entries(labels).flatMap(([key, value]) => ['--labels', `${key}=${value}`]),
  linked: (linked: boolean) => (linked ? ['--linked'] : []),
  start: (start: boolean) => (start ? ['--start'] : []),
  snapshot: (snapshot: string) => ['--snapshot', snapshot],
};

const optionsOf = (fields: Fields): readonly string[] | undefined => {
  const known = Object.entries(fields).map(([name, value]) => options[name]?.(value as never));
  return known.some((one) => one === undefined) ? undefined : known.flatMap((one) => one ?? []);
};

/** The same for the command line: the command that is made for it, or else the request as it is. */
export function asCommand({ method, path, body }: Call): string {
  const command = (...words: readonly string[]) => ['polyvirt', ...words.map(quote)].join(' ');
  const fields = (body ?? {}) as Fields;
  const [, encoded, verb] = /^\/api\/v1\/vms\/([^/?]+)(?:\/(\w+))?$/.exec(path) ?? [];
  const id = encoded === undefined ? '' : decodeURIComponent(encoded);
  if (method === 'POST' && path === '/api/v1/vms')
    return [`${command('vm', 'create', '-f', '-')} <<'EOF'`, JSON.stringify(body, undefined, 2), 'EOF'].join('\n');
  if (method === 'PATCH' && id !== '') {
    const set = optionsOf(fields);
    if (set) return command('vm', 'set', id, ...set);
  }
  if (method === 'POST' && verb === 'clone') {
    const { name, ...rest } = fields;
    const given = optionsOf(rest);
    if (given) return command('vm', 'clone', id, String(name), ...given);
  }
  return command('query', method, path, ...(body === undefined ? [] : ['-d', JSON.stringify(body)]));
}
