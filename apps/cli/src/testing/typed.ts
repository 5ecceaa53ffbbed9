import type { Command } from '../declaration.ts';

/** What is typed for a command so that it asks the gateway at all, beside the arguments that are declared. */
const more: Readonly<Record<string, readonly string[]>> = {
  'vm create': ['--host', 'h', '--disk', '1G'],
  'vm set': ['--cpus', '2'],
  'disk add': ['--size', '1G'],
  'host add': ['--hypervisor', 'kvm'],
  'image add': ['--url', 'https://images.example/a.iso'],
  'nic change': ['--disconnect'],
  'user create': ['--password-file', 'SECRET'],
  'user set': ['--disable'],
  'user password': ['--password-file', 'SECRET'],
  'preferences set': ['--theme', 'dark'],
  console: ['--viewer'],
  login: ['-u', 'ada', '--password-file', 'SECRET'],
  'event list': ['--count', '1'],
  'op cancel': ['--wait'],
};
const values: Readonly<Record<string, string>> = { SIZE: '40G', PATH: '/vms', ACTION: 'start' };

/** As `polyvirt commands -o json` says it. */
export type Described = Pick<Command, 'name' | 'args' | 'options' | 'calls' | 'asPerson' | 'isLocal'>;

export interface Around {
  /** File with a secret. */
  readonly secret: string;
  readonly url: string;
}

/** A whole command line of it, about what is called `nothing`. */
export function typed({ name, args = [], options = {}, asPerson }: Described, { secret, url }: Around): string[] {
  const positional = args.map(
    ({ name: arg, choices }) => choices?.[0] ?? values[arg] ?? (arg === 'URL' ? url : 'nothing'),
  );
  return [
    ...name.split(' '),
    ...positional,
    ...(more[name] ?? []).map((word) => (word === 'SECRET' ? secret : word)),
    ...('yes' in options ? ['--yes'] : []),
    ...(asPerson === true ? ['--my-password-file', secret] : []),
  ];
}
