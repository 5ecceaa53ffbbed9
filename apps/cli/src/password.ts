import { createClient, type Client, type components } from '@polyvirt/api-client';
import { call } from './api.ts';
import { UsageError, type Invocation } from './declaration.ts';
import { readText } from './read-text.ts';

export const passwordOption = {
  'password-file': { value: 'FILE', help: 'File with the password, `-` for standard input; asked for unless said.' },
};

/** The secret in the file that the option names, or what is typed and not shown. Throws `UsageError` where nobody can be asked. */
export async function password({ given, terminal }: Invocation, option: string, question: string): Promise<string> {
  const file = given.text(option);
  if (file !== undefined) return (await readText(file)).replace(/\r?\n$/, '');
  if (!terminal.isInteractive) throw new UsageError(`${question} Say --${option}; there is nobody to ask.`);
  return terminal.ask(question, { hidden: true });
}

/** What only a person may do, and no token: with the password, in a session that ends when it is done. */
export async function asPerson<Result>(
  invocation: Invocation,
  secret: () => Promise<string>,
  act: (client: Client, secret: string) => Promise<Result>,
): Promise<Result> {
  const client = await invocation.client();
  const { data: me } = await call<components['schemas']['Me']>(client, 'GET /api/v1/auth/me');
  const text = await secret();
  const person = createClient({ url: client.url });
  await person.logIn({ username: me.user.username, password: text });
  try {
    return await act(person, text);
  } finally {
    // A change of the password has ended the session already.
    await person.logOut().catch(() => undefined);
  }
}
