/** What stands before the command. */
export interface AuthenticationFlags {
  hostType?: string;
  vmPassword?: string;
  guestUser?: string;
  guestPassword?: string;
}

export type ParsedArguments =
  | { kind: 'bare' }
  | { kind: 'invalid'; argument: string }
  | { kind: 'command'; flags: AuthenticationFlags; command: string; parameters: string[] };

const FLAGS: Record<string, keyof AuthenticationFlags> = {
  '-T': 'hostType',
  '-vp': 'vmPassword',
  '-gu': 'guestUser',
  '-gp': 'guestPassword',
};

/** Flags come first; the first word without a dash is the command and ends them. */
export function parseArguments(argv: string[]): ParsedArguments {
  const flags: AuthenticationFlags = {};
  let position = 0;
  for (; argv[position]?.startsWith('-'); position += 2) {
    const argument = argv[position]!;
    const flag = FLAGS[argument];
    if (!flag) return { kind: 'invalid', argument };
    const value = argv[position + 1];
    if (value === undefined) return { kind: 'bare' };
    flags[flag] = value;
  }
  const command = argv[position];
  if (command === undefined) return { kind: 'bare' };
  return { kind: 'command', flags, command, parameters: argv.slice(position + 1) };
}
