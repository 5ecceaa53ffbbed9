import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { listAll } from '../api.ts';
import { readBashLine, type Typed } from '../command-line-words.ts';
import { clientAt, findPlace, readContexts } from '../contexts.ts';
import { Given, type Command, type Completes, type Invocation, type Route } from '../declaration.ts';
import { printable } from '../output/table.ts';
import { findCommand, optionsOf } from '../parse.ts';

/** Live names are kept so long, so that a second Tab costs nothing. */
const keptMs = 5_000;
/** Nobody waits longer for a Tab, in seconds, unless the environment says so. */
const patienceSeconds = 2;

const scripts = {
  bash: `_polyvirt() {
  local found
  COMPREPLY=()
  while IFS= read -r found; do
    COMPREPLY+=("$found")
  done < <(polyvirt __complete --bash "$COMP_WORDBREAKS" -- "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -o default -F _polyvirt polyvirt`,
  zsh: `#compdef polyvirt
_polyvirt() {
  local -a found
  found=("\${(@f)$(polyvirt __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${#found[1]} )); then compadd -- "\${found[@]}"; else _files; fi
}
compdef _polyvirt polyvirt`,
  fish: `complete -c polyvirt -e
complete -c polyvirt -f -a '(polyvirt __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
  powershell: `Register-ArgumentCompleter -Native -CommandName polyvirt -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object {
    if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.ToString() }
  })
  if ($wordToComplete -eq '') { $words += '""' }
  polyvirt __complete '--' @words 2>$null | ForEach-Object {
    $text = if ($_ -match '^[\\w./~:%+=-]+$') { $_ } else { "'" + $_.Replace("'", "''") + "'" }
    [System.Management.Automation.CompletionResult]::new($text, $_, 'ParameterValue', $_)
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
  isLocal: true,
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
  options: {
    bash: { value: 'BREAKS', help: 'The only word is the command line; between these letters bash parts words.' },
  },
  run: async (invocation) => {
    const { args, given, terminal } = invocation;
    const breaks = given.text('bash');
    const { words, insert }: Typed =
      breaks === undefined
        ? { words: args.map((word) => (word === '""' ? '' : word)), insert: (candidate) => candidate }
        : readBashLine(args[0] ?? '', breaks);
    for (const candidate of await candidates(invocation, commands(), words)) {
      // A name with a line break in it is no line.
      const shown = printable(candidate) === candidate ? insert(candidate) : undefined;
      if (shown !== undefined) terminal.print(shown);
    }
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
  if (open) return fitting(open[1].choices ?? (await live(invocation, open[1].completes, words)));
  if (unfinished.startsWith('-')) return fitting(options.map(([name]) => `--${name}`));
  const position = rest.filter((word, index) => !word.startsWith('-') && !takesValue(options, rest[index - 1])).length;
  const args = command.args ?? [];
  const arg = args[position] ?? (args.at(-1)?.many ? args.at(-1) : undefined);
  return fitting([
    ...(rest.length === 0 ? nouns : []),
    ...(arg ? (arg.choices ?? (await live(invocation, arg.completes, words))) : []),
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

/** As many as one look brings; those of a larger installation are looked for by what is typed of them. */
const atOnce = 500;

/** Names that there are now; those of the last time when they cannot be had soon. */
async function live(
  invocation: Invocation,
  completes: Completes | undefined,
  words: readonly string[],
): Promise<readonly string[]> {
  const { terminal } = invocation;
  if (completes === 'context') return Object.keys((await readContexts(terminal)).contexts);
  const list = completes && lists[completes];
  if (!list) return [];
  const context = words[words.lastIndexOf('--context', words.length - 2) + 1];
  const given = new Given(words.slice(0, -1).includes('--context') ? { context } : {});
  const place = await findPlace(terminal, given).catch(() => undefined);
  if (!place) return [];
  const credential = JSON.stringify([place.options.url, place.options.token, place.options.username]);
  const key = createHash('sha256').update(credential).digest('hex').slice(0, 16);
  const { configFolder } = terminal;
  const file = configFolder && join(configFolder, 'completion', `${key}-${completes}.json`);
  const kept = file === undefined ? undefined : await readKept(file);
  if (kept && Date.now() - kept.at < keptMs) return kept.names;
  const client = clientAt(place, terminal, given);
  const read = async () => {
    const all = await listAll<Record<string, string>>(client, list.route, {}, atOnce);
    const q = words.at(-1)!.slice(0, 255);
    if (all.length < atOnce || completes !== 'vm' || q === '') return { items: all, isAll: all.length < atOnce };
    return { items: await listAll<Record<string, string>>(client, list.route, { query: { q } }, atOnce), isAll: false };
  };
  const withinMs = (Number(terminal.env['POLYVIRT_COMPLETION_SECONDS']) || patienceSeconds) * 1_000;
  const tooLate = new Promise<undefined>((resolve) => void setTimeout(() => resolve(undefined), withinMs).unref());
  const found = await Promise.race([read().catch(() => undefined), tooLate]);
  if (!found) return kept?.names ?? [];
  const names = found.items.flatMap((item) => list.name(item) ?? []);
  if (file !== undefined && found.isAll) await keep(file, names);
  return names;
}

interface Kept {
  readonly at: number;
  readonly names: readonly string[];
}

async function readKept(file: string): Promise<Kept | undefined> {
  try {
    const [{ mtimeMs }, text] = await Promise.all([stat(file), readFile(file, 'utf8')]);
    const names: unknown = JSON.parse(text);
    return Array.isArray(names) ? { at: mtimeMs, names: names.map(String) } : undefined;
  } catch {
    return undefined;
  }
}

/** Where nothing can be kept, the next Tab asks again. */
async function keep(file: string, names: readonly string[]): Promise<void> {
  const draft = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(draft, JSON.stringify(names), { mode: 0o600 });
    await rename(draft, file);
  } catch {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}
