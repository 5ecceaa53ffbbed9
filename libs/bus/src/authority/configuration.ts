import { join } from 'node:path';
import type { IssuedAccount } from './authority.ts';

export interface ServerAccounts {
  /** The token of the operator. */
  readonly operator: string;
  readonly system: IssuedAccount;
  /** Accounts that are there from the start; the others are pushed to the running server. */
  readonly others: readonly IssuedAccount[];
  /** Where the server keeps accounts. */
  readonly folder: string;
}

/** What makes a nats-server one of accounts, in the language of its configuration file. No secret is in it. */
export const renderAccounts = ({ operator, system, others, folder }: ServerAccounts): string =>
  [
    `operator: ${operator}`,
    `system_account: ${system.publicKey}`,
    // A member of a cluster asks the others for two seconds for an account that it does not know, and only then refuses it.
    'authorization { timeout: 10 }',
    'resolver {',
    '  type: full',
    `  dir: ${JSON.stringify(join(folder, 'accounts'))}`,
    '  allow_delete: true',
    '  interval: "2m"',
    '}',
    'resolver_preload {',
    ...[system, ...others].map(({ publicKey, token }) => `  ${publicKey}: ${token}`),
    '}',
    '',
  ].join('\n');
