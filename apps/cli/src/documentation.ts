import { commands } from './commands/index.ts';
import { exitCodes } from './exit-codes.ts';
import { optionLine, usageOf } from './help.ts';
import { commonOptions, ownOptionsOf } from './parse.ts';
import type { Options } from './declaration.ts';

const introduction = `# Command line

\`polyvirt\` does everything that the API does, from a terminal and from scripts. It is one file, for Node.js 20 and newer. In a checkout:

\`\`\`sh
npm run pack:cli                                          # prints the path of the tarball
npm i -g ./apps/cli/dist/polyvirt-cli-*.tgz               # here, or wherever the tarball is taken
polyvirt login https://polyvirt.example:8443              # not needed below a folder where npm start runs

polyvirt vm create web-1 --host kvm-local --image tiny-linux --memory 192 --nic default --start
polyvirt vm list --filter state=running -w                # until Ctrl-C
polyvirt vm set web-1 --cpus 2 --dry-run                  # what it would do
polyvirt vm stop -l env=test                              # many at once
polyvirt vm delete web-1 --yes
\`\`\`

\`polyvirt --help\` lists the commands, \`polyvirt vm start --help\` says all of one, \`polyvirt commands -o json\` all of all. Completion of commands,
options and the names that there are now: \`source <(polyvirt completion bash)\` in \`~/.bashrc\`; zsh, fish and PowerShell are
[below](#completion).

## What it does

**Where it goes** is, in this order, \`--context\`, \`POLYVIRT_CONTEXT\`, \`POLYVIRT_URL\` with \`POLYVIRT_TOKEN\`, the stack that \`npm start\` runs in
this folder or above (\`.polyvirt/run.json\`; as whom one has logged in there, or as its \`admin\`), the context that was logged in to last.
\`polyvirt context\` says which.

**VMs** are named by id, by \`host/name\`, or by a name that no other has; several at once, or \`--filter\` and \`--label\`, make a batch.
A name that begins with a dash stands behind \`--\`: \`polyvirt vm start -- -odd-\`. An empty name or filter is refused, never taken for all.

**Times** are RFC 3339, a date or time of the clock here (\`"2026-11-30 08:00"\`), or how long ago (\`2h\`).

**Every change** waits for its end and tells each step on standard error; \`--no-wait\` prints the operation instead, \`--dry-run\` the plan.
Ctrl-C leaves the operation running and says how to follow it. A gateway that restarts meanwhile is waited for.

**Users, passwords, API tokens and sessions** are changed by a person, never by an API token. Such a command asks for your own password;
where nobody can be asked, give \`--my-password-file\`. \`polyvirt query --as-person\` does the same for any request.

**TLS**: a certificate of an authority of your own is trusted by \`NODE_EXTRA_CA_CERTS=FILE\`.

**Output**: data is on standard output, everything else on standard error. \`-o json\` has every field; a table only what a line can hold.
\`-o csv\` of a record has its values as columns, by their paths. \`NO_COLOR\` is honoured; \`POLYVIRT_NO_INPUT=1\` never asks. Completion waits 2 seconds for names, or \`POLYVIRT_COMPLETION_SECONDS\`, and then
offers those of the last time.

\`vm_manager\`, in the same package, takes the flags of Auto-Creation-VM (\`vm_manager --help\`).
`;

const optionTable = (options: Options): string[] => [
  '| Option | |',
  '| --- | --- |',
  ...Object.entries(options).map(
    ([name, option]) =>
      `| \`${optionLine(name, option)}\` | ${option.help.replaceAll('|', '\\|')}${option.choices ? ` One of ${option.choices.map((choice) => `\`${choice}\``).join(', ')}.` : ''} |`,
  ),
  '',
];

/** `docs/cli.md`, made of the declarations. */
export const documentation = (): string =>
  [
    introduction,
    '## Exit codes',
    '',
    '| Code | Means |',
    '| --- | --- |',
    ...Object.values(exitCodes).map(({ code, means }) => `| ${code} | ${means} |`),
    '',
    '## Options of every command',
    '',
    ...optionTable(commonOptions),
    '## Commands',
    '',
    ...commands
      .filter(({ hidden }) => !hidden)
      .flatMap((command) => [
        `### ${command.name}`,
        '',
        command.summary,
        '',
        '```sh',
        usageOf(command),
        ...(command.examples ?? []),
        '```',
        '',
        ...(Object.keys(ownOptionsOf(command)).length > 0 ? optionTable(ownOptionsOf(command)) : []),
      ]),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
