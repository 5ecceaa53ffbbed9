import { commands } from './commands/index.ts';
import { exitCodes } from './exit-codes.ts';
import { optionLine, usageOf } from './help.ts';
import { commonOptions, ownOptionsOf } from './parse.ts';
import type { Options } from './declaration.ts';

const introduction = `# Command line

\`polyvirt\` does everything that the API does, from a terminal and from scripts. It is one file, for Node.js 20 and newer:

\`\`\`sh
npm i -g polyvirt-cli-0.1.0.tgz
polyvirt login https://polyvirt.example:8443
\`\`\`

Below a folder where \`npm start\` runs it needs no log-in: it reads \`.polyvirt/run.json\`. Where it goes is, in this order, \`--context\`,
\`POLYVIRT_CONTEXT\`, \`POLYVIRT_URL\` with \`POLYVIRT_TOKEN\`, \`.polyvirt/run.json\` here or above, the context that was logged in to last;
\`polyvirt context\` says which. A VM is named by its id, by \`host/name\`, or by a name that no other has; several at once, or
\`--filter\` and \`--label\`, make a batch.

Every change waits for its end and tells each step on standard error; \`--no-wait\` prints the operation instead, \`--dry-run\` the plan.
Ctrl-C leaves the operation running and says how to follow it. Data is on standard output, everything else on standard error.
\`NO_COLOR\` is honoured; \`POLYVIRT_NO_INPUT=1\` never asks.

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
