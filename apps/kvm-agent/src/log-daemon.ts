import { once } from 'node:events';
import { access, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';

/** https://gitlab.com/libvirt/libvirt/-/blob/master/src/logging/log_protocol.x */
const LOG_MANAGER = 0x87539319;
/** No procedure has this number: the answer is that there is none, from whoever answers. */
const NO_PROCEDURE = 0x7fff_ffff;
const askWithinMs = 2_000;

export interface LogDaemonOptions {
  readonly socketPath?: string;
  readonly configFile?: string;
}

/** virtlogd, which takes what each QEMU of the system says: libvirt starts no VM without it, however well it is itself. */
export class LogDaemon {
  readonly #socketPath: string;
  readonly #configFile: string;

  constructor({ socketPath, configFile }: LogDaemonOptions = {}) {
    this.#socketPath = socketPath ?? '/run/libvirt/virtlogd-sock';
    this.#configFile = configFile ?? '/etc/libvirt/qemu.conf';
  }

  /** A sentence for the operator when no VM can start for want of it. What cannot be told is no reason to say so. */
  async lack(): Promise<string | undefined> {
    try {
      await this.#ask();
      return undefined;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM' || (await this.#isSpared())) return undefined;
      if (code === 'ENOENT' && !(await this.#isWhereLibvirtIs())) return undefined;
      return (
        `No VM can start: virtlogd does not answer (${(error as Error).message}), and libvirt needs it for every start. ` +
        'Start it on the host: systemctl restart virtlogd.'
      );
    }
  }

  async #ask(): Promise<void> {
    const call = Buffer.alloc(28);
    // Length, program, version, procedure, a call, its serial number, and no status.
    [call.length, LOG_MANAGER, 1, NO_PROCEDURE, 0, 1, 0].forEach((word, n) => call.writeUInt32BE(word, 4 * n));
    const socket = connect(this.#socketPath);
    try {
      const signal = AbortSignal.timeout(askWithinMs);
      await once(socket, 'connect', { signal });
      socket.write(call);
      await once(socket, 'data', { signal });
    } catch (error) {
      const isLate = (error as Error).name === 'AbortError';
      throw isLate ? new Error(`it said nothing within ${askWithinMs / 1_000} s`) : error;
    } finally {
      socket.destroy();
    }
  }

  /** A libvirt that keeps its sockets elsewhere has that of virtlogd there, too. */
  async #isWhereLibvirtIs(): Promise<boolean> {
    const looks = ['libvirt-sock', 'virtqemud-sock'].map((name) => access(join(dirname(this.#socketPath), name)));
    return (await Promise.allSettled(looks)).some(({ status }) => status === 'fulfilled');
  }

  /** libvirt may be told to write the logs itself. */
  async #isSpared(): Promise<boolean> {
    const text = await readFile(this.#configFile, 'utf8').catch(() => '');
    return /^\s*stdio_handler\s*=\s*"file"/m.test(text);
  }
}
