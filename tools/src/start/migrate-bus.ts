import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layout } from './layout.ts';

/** A data folder holds two states, and nobody but a person can tell which is the right one. */
export class TwoStates extends Error {
  override readonly name = 'TwoStates';
}

/**
 * Brings a data folder from before there were accounts up to date, while nothing runs on it. What nats-server has stored is
 * in a folder for each account, and the one that everybody was in until then becomes CORE: streams, consumers, keys and
 * commands that nobody has acknowledged, all by one rename, which has happened or has not whenever the machine goes off.
 */
export async function migrateBus(layout: Layout, coreAccount: string, log: (line: string) => void): Promise<void> {
  const [before, now] = ['$G', coreAccount].map((account) => join(layout.nats, 'jetstream', account)) as [
    string,
    string,
  ];
  if (existsSync(before)) {
    if (existsSync(now))
      throw new TwoStates(
        `${before} and ${now} are both there: an older Polyvirt ran on this data folder after a newer one. Move away the one whose state you do not want, and start again.`,
      );
    log(
      'the state of the bus moves into the account CORE; older versions of Polyvirt cannot start on this data folder any more',
    );
    await rename(before, now);
  }
  // The passwords of before open nothing any more.
  for (const name of await readdir(layout.secrets))
    if (/^nats-(?:admin|gateway|organizer|[a-z]+-agent)$/.test(name)) await rm(join(layout.secrets, name));
}
