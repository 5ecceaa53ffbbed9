import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { askGateway, renewedCredentials, type Bus } from '@polyvirt/bus';
import type { HostId } from '@polyvirt/contracts';
import { Beat } from '../beat.ts';

const log = new Logger('Credential');

/**
 * The credential of a host that has joined, in a file that is replaced as a whole: when it is renewed here, and when the host joins
 * again with another key while the agent runs. Either way the next connection shows the new one.
 */
export class JoinedCredential {
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, 'bus.creds');
  }

  /** @throws Error if there is none */
  readonly read = (): string => readFileSync(this.#file, 'utf8');

  /** Has it renewed at once and then at each beat, long before it expires: no clock of this machine has to be right for that. */
  renewing(bus: Bus, host: HostId, everyMs: number): Beat {
    return new Beat('Credential', everyMs, async () => {
      const { expiresAt, ...admission } = await askGateway(bus, host, 'renew', {});
      const current = this.read();
      const renewed = renewedCredentials(current, admission);
      // The host may have joined again meanwhile, and what was answered is for the key of then.
      if (this.read() !== current) return;
      this.#write(renewed);
      log.log(`Is good until ${expiresAt}.`);
    });
  }

  #write(text: string): void {
    const temporary = `${this.#file}.${process.pid}`;
    const file = openSync(temporary, 'w', 0o600);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, this.#file);
  }
}
