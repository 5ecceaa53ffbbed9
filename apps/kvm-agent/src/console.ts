import type { Duplex } from 'node:stream';
import { ProblemError, type NativeId } from '@polyvirt/contracts';
import { allow, connectVnc, type ConsoleFacet } from '@polyvirt/hypervisor';
import type { Machines } from './domain/machines.ts';

/** The VNC server of the running QEMU, reached on the host itself: nothing listens outside. */
export class VncConsole implements ConsoleFacet {
  readonly #machines: Machines;

  constructor(machines: Machines) {
    this.#machines = machines;
  }

  async open(nativeId: NativeId, signal: AbortSignal): Promise<Duplex> {
    const domain = await this.#machines.domain(nativeId);
    allow('console', await this.#machines.state(domain));
    const { vnc } = await this.#machines.liveDefinition(domain);
    if (!vnc)
      throw new ProblemError(
        'host-rejected',
        'The VM has no VNC display. Add one to its definition: <graphics type="vnc" autoport="yes" listen="127.0.0.1"/>',
      );
    return connectVnc('socket' in vnc ? { path: vnc.socket } : vnc, signal);
  }
}
