import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listAll } from '../api.ts';
import { findPlace, readContexts } from '../contexts.ts';
import { Given, type Command, type Completes, type Invocation, type Route } from '../declaration.ts';
import { findCommand, optionsOf } from '../parse.ts';

/** Live names are kept so long, so that a second Tab costs nothing. */
const keptMs = 5_000;
/** Nobody waits longer for a Tab. */
const withinMs = 2_000;

const scripts = {
  bash: `_polyvirt() {
  local IFS=$'\\n'
  COMPREPLY=($(polyvirt __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _polyvirt polyvirt`,
  zsh: `#compdef polyvirt
_polyvirt() {
  local -a found
  found=("\${(@f)$(polyvirt __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${#found[1]} )); then compadd -- "\${found[@]}"; else _files; fi
}
compdef _polyvirt polyvirt`,
  fish: `complete -c polyvirt -e
complete -c polyvirt -f -a '(polyvirt __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
  powershell: `Register-ArgumentCompleter -Native -CommandName polyvirt -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($wordToComplete -eq '') { $words += '""' }
  polyvirt __complete '--' @words 2>$null | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}`,
} as const;

const installs = {
  bash: 'source <(polyvirt completion bash)',
  zsh: 'source <(polyvirt completion zsh)',
  fish: 'polyvirt completion fish | source',
  powershell: 'polyvirt completion powershell | Out-String | Invoke-Expression',
} as const;
const shells = Object.keys(scripts) as (keyof typeof scripts)[];

export const completionCommand: Command = {
  name: 'completion',
  summary: 'Print the script that completes commands, options and live names in a shell.',
  calls: [],
  args: [{ name: 'SHELL', help: 'bash, zsh, fish or powershell.', choices: shells }],
  examples: Object.values(installs),
  run: async ({ args, terminal }) => terminal.print(scripts[args[0] as keyof typeof scripts]),
};

/** What shells ask: the words behind the program, the last of them unfinished; a line for each that it may become. */
export const completeCommand = (commands: () => readonly Command[]): Command => ({
  name: '__complete',
  summary: 'Complete the last word.',
  calls: [],
  hidden: true,
  args: [{ name: 'WORD', help: '', many: true, optional: true }],
  run: async (invocation) => {
    const words = invocation.args.map((word) => (word === '""' ? '' : word));
    for (const candidate of await candidates(invocation, commands(), words)) invocation.terminal.print(candidate);
  },
});

async function candidates(
  invocation: Invocation,
  commands: readonly Command[],
  words: readonly string[],
): Promise<string[]> {
  const unfinished = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const fitting = (all: readonly string[]) => [...new Set(all)].filter((one) => one.startsWith(unfinished));
  const found = findCommand(commands, before);
  const nouns = commands
    .filter(({ name, hidden }) => !hidden && `${name} `.startsWith(before.map((word) => `${word} `).join('')))
    .flatMap(({ name }) => name.split(' ')[before.length] ?? []);
  if (!found) return fitting(nouns);
  const { command, rest } = found;
  const options = Object.entries(optionsOf(command));
  const previous = rest.at(-1);
  const open = options.find(
    ([name, { short, value }]) =>
      value !== undefined && (previous === `--${name}` || (short !== undefined && previous === `-${short}`)),
  );
  if (open) return fitting(open[1].choices ?? (await live(invocation, open[1].completes)));
  if (unfinished.startsWith('-')) return fitting(options.map(([name]) => `--${name}`));
  const position = rest.filter((word, index) => !word.startsWith('-') && !takesValue(options, rest[index - 1])).length;
  const args = command.args ?? [];
  const arg = args[position] ?? (args.at(-1)?.many ? args.at(-1) : undefined);
  return fitting([
    ...(rest.length === 0 ? nouns : []),
    ...(arg ? (arg.choices ?? (await live(invocation, arg.completes))) : []),
  ]);
}

const takesValue = (options: [string, { short?: string; value?: string }][], word: string | undefined): boolean =>
  options.some(
    ([name, { short, value }]) =>
      value !== undefined && (word === `--${name}` || (short !== undefined && word === `-${short}`)),
  );

const lists: Readonly<
  Partial<Record<Completes, { route: Route; name: (item: Record<string, string>) => string | undefined }>>
> = {
  vm: { route: 'GET /api/v1/vms', name: ({ name }) => name },
  host: { route: 'GET /api/v1/hosts', name: ({ id }) => id },
  operation: { route: 'GET /api/v1/operations', name: ({ id }) => id },
  user: { route: 'GET /api/v1/users', name: ({ username }) => username },
  token: { route: 'GET /api/v1/tokens', name: ({ name }) => name },
  subscriber: { route: 'GET /api/v1/subscribers', name: ({ name }) => name },
};

/** Names that there are now; none when they cannot be had in time. */
async function live(invocation: Invocation, completes: Completes | undefined): Promise<readonly string[]> {
  const { terminal } = invocation;
  if (completes === 'context') return Object.keys((await readContexts(terminal)).contexts);
  const list = completes && lists[completes];
  if (!list) return [];
  const place = await findPlace(terminal, new Given({})).catch(() => undefined);
  if (!place) return [];
  const credential = JSON.stringify([place.options.url, place.options.token, place.options.username]);
  const key = createHash('sha256').update(credential).digest('hex').slice(0, 16);
  const file = join(terminal.configFolder, 'completion', `${key}-${completes}.json`);
  const kept = await stat(file).catch(() => undefined);
  if (kept && Date.now() - kept.mtimeMs < keptMs) return JSON.parse(await readFile(file, 'utf8')) as string[];
  const read = invocation.client().then((client) => listAll<Record<string, string>>(client, list.route, {}, 500));
  const tooLate = new Promise<undefined>((resolve) => void setTimeout(() => resolve(undefined), withinMs).unref());
  const items = await Promise.race([read.catch(() => undefined), tooLate]);
  if (!items) return [];
  const names = items.flatMap((item) => list.name(item) ?? []);
  await mkdir(join(terminal.configFolder, 'completion'), { recursive: true, mode: 0o700 });
  await writeFile(file, JSON.stringify(names), { mode: 0o600 });
  return names;
}
