import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { ProblemError, type NativeId } from '@polyvirt/contracts';
import { allow, connectVnc, type ConsoleFacet } from '@polyvirt/hypervisor';
import type { Machines } from './inventory/machines.ts';

/** VNC's usual ports, behind those that people use by hand. */
const FIRST_PORT = 5_950;
const LAST_PORT = 6_949;
const LOCAL = '127.0.0.1';
/** A port that was chosen is not chosen again while its VM may still be on its way to listening. */
const RESERVED_MS = 60_000;

/** The VNC server of the running VM, reached on the host itself: nothing listens outside. */
export class VncConsole implements ConsoleFacet {
  readonly #machines: Machines;

  constructor(machines: Machines) {
    this.#machines = machines;
  }

  async graphic(nativeId: NativeId, signal: AbortSignal): Promise<Duplex> {
    const machine = await this.#machines.demand(nativeId);
    allow('console', await this.#machines.state(machine));
    const vmx = await this.#machines.configuration(machine);
    const port = vmx.isTrue('RemoteDisplay.vnc.enabled') ? vmx.number('RemoteDisplay.vnc.port') : undefined;
    if (port === undefined)
      throw new ProblemError(
        'host-rejected',
        'It was started without a console. Stop it and start it again from here, which gives it one.',
      );
    return connectVnc({ host: LOCAL, port }, signal);
  }
}

/** Gives VMs ports for their consoles. */
export class VncPorts {
  readonly #reserved = new Map<number, number>();

  /** The port that the VM had, if it is free, else the next one. Undefined when all are taken. */
  async choose(previous: number | undefined): Promise<number | undefined> {
    const now = performance.now();
    for (const [port, until] of this.#reserved) if (until < now) this.#reserved.delete(port);
    const range = Array.from({ length: LAST_PORT - FIRST_PORT + 1 }, (_, index) => FIRST_PORT + index);
    for (const port of previous === undefined ? range : [previous, ...range]) {
      if (this.#reserved.has(port)) continue;
      this.#reserved.set(port, now + RESERVED_MS);
      if (await isFree(port)) return port;
      this.#reserved.delete(port);
    }
    return undefined;
  }
}

/** Entries of the .vmx file. */
export const vncEntries = (port: number): Record<string, string> => ({
  'RemoteDisplay.vnc.enabled': 'TRUE',
  'RemoteDisplay.vnc.port': String(port),
  'RemoteDisplay.vnc.ip': LOCAL,
});

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: LOCAL, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
