import { ApiProblem, type Client, type components } from '@polyvirt/api-client';
import { call } from './api.ts';
import { clientAt, type Place } from './contexts.ts';
import { UsageError, type Command, type Given, type Options } from './declaration.ts';
import { readText } from './read-text.ts';
import type { Terminal } from './terminal.ts';

/** Options of what no API token may do. */
export const personOptions: Options = {
  'my-password-file': {
    value: 'FILE',
    help: 'File with your own password, `-` for standard input; asked for unless said.',
    completes: 'file',
  },
};

/** In front of those, where it is a choice. */
export const asPersonOption: Options = {
  'as-person': { help: 'Ask in a session of yours, with your password: for what no API token may do.' },
};

export const isAsPerson = ({ asPerson }: Command, given: Given): boolean =>
  asPerson === true || (asPerson === 'if-asked' && given.flag('as-person'));

/** A user who has given the password. */
export interface Person {
  /** In a session of its own, which `logOut` ends. */
  readonly client: Client;
  readonly password: string;
}

interface Asking {
  readonly given: Given;
  readonly terminal: Terminal;
}

/** The secret in the file that the option names, or what is typed and not shown. Throws `UsageError` where nobody can be asked. */
export async function askSecret({ given, terminal }: Asking, option: string, question: string): Promise<string> {
  const file = given.text(option);
  if (file !== undefined) return (await readText(file)).replace(/\r?\n$/, '');
  if (!terminal.isInteractive) throw new UsageError(`${question} Say --${option} FILE; there is nobody to ask.`);
  return terminal.ask(question, { hidden: true });
}

/** Logs in as the user whose credential is used here. Throws `UsageError` where the password cannot be had. */
export async function logIn(asking: Asking, place: Place): Promise<Person> {
  const { given, terminal } = asking;
  const username = place.options.username ?? (await ownerOf(clientAt(place, terminal, given)));
  const enter = async (password: string): Promise<Person> => {
    // With the password the client also confirms it, when it was given too long ago.
    const client = clientAt({ options: { url: place.options.url, username, password } }, terminal, given);
    await client.logIn({ username, password });
    return { client, password };
  };
  const known = given.has('my-password-file') ? undefined : place.options.password;
  if (known !== undefined) {
    try {
      return await enter(known);
    } catch (error) {
      // The file is older than the password.
      if (!(error instanceof ApiProblem && error.problem.code === 'unauthenticated')) throw error;
    }
  }
  return enter(await askSecret(asking, 'my-password-file', `Your own password, ${username}?`));
}

async function ownerOf(client: Client): Promise<string> {
  return (await call<components['schemas']['Me']>(client, 'GET /api/v1/auth/me')).data.user.username;
}
