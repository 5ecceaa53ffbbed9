import { duplexPair, pipeline, type Duplex } from 'node:stream';
import { ProblemError, type NativeId } from '@polyvirt/contracts';
import { allow } from '@polyvirt/hypervisor';
import { LibvirtError } from '@polyvirt/node-libvirt';
import type { Machines } from './domain/machines.ts';

/**
 * The serial port of a running domain, as libvirt brings it: over the connection to the daemon, wherever that is. libvirt
 * gives it to one viewer; with force, as everywhere here, that is the last one to come.
 */
export class SerialConsole {
  readonly #machines: Machines;

  constructor(machines: Machines) {
    this.#machines = machines;
  }

  async open(nativeId: NativeId, signal: AbortSignal): Promise<Duplex> {
    const domain = await this.#machines.domain(nativeId);
    allow('console-text', await this.#machines.state(domain));
    const { terminal, name } = await this.#machines.liveDefinition(domain);
    if (!terminal)
      throw new ProblemError(
        'host-rejected',
        `"${name}" has no serial port that libvirt can bring here. Give it one with virsh edit: <serial type="pty"/>`,
      );
    const { alias } = terminal;
    const opening = domain.openConsole({ force: true, ...(alias !== undefined && { device: alias }) });
    const stream = await unlessAborted(opening, signal);
    return told(stream);
  }
}

/** What comes too late is let go of. */
async function unlessAborted(opening: Promise<Duplex>, signal: AbortSignal): Promise<Duplex> {
  let giveUp = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    giveUp = () =>
      reject(new ProblemError('timed-out', 'libvirt does not open the serial port. Try again in a moment.'));
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
  try {
    return await Promise.race([opening, aborted]);
  } catch (error) {
    opening.then(
      (late) => late.destroy(),
      () => undefined,
    );
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** The stream, ending with a sentence for whoever looks at it. */
function told(stream: Duplex): Duplex {
  const [viewer, inner] = duplexPair();
  // Before the pipeline takes the other end down, which would end this one without a word.
  stream.once('error', (error) => viewer.destroy(endOf(error)));
  pipeline(stream, inner, stream, () => viewer.destroy());
  viewer.once('close', () => stream.destroy());
  return viewer;
}

/** With the machine a stream ends in order; libvirt breaks it off when another program takes the serial port over. */
const endOf = (error: Error): Error =>
  error instanceof LibvirtError
    ? new ProblemError('host-rejected', 'Another program on the host has taken this console over.', { cause: error })
    : error;
