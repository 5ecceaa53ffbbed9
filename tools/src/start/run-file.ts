import { rm } from 'node:fs/promises';
import { replaceFile } from '../replace-file.ts';

/** What scripts and the CLI need to find a stack that is ready. */
export interface RunRecord {
  url: string;
  username: string;
  /** Absent when somebody has changed the password since the first start. */
  password?: string;
  /** An API token with all scopes of an administrator, good until the stack stops. */
  token: string;
  natsUrl: string;
  /** Process id by service. */
  processes: Record<string, number>;
}

/** Only the owner may read it: it opens everything. */
export async function writeRunFile(file: string, record: RunRecord): Promise<void> {
  await replaceFile(file, `${JSON.stringify(record, undefined, 2)}\n`);
}

export async function removeRunFile(file: string): Promise<void> {
  await rm(file, { force: true });
}
