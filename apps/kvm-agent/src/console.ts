import { duplexPair, pipeline, type Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { foreignText, ProblemError, type NativeId } from '@polyvirt/contracts';
import { allow, connectVnc } from '@polyvirt/hypervisor';
import { readDomain, type DomainDefinition } from './domain/domain-reader.ts';
import type { Machines } from './domain/machines.ts';
import { enterScreen, type Screen } from './vnc/screen.ts';
import { greetViewer } from './vnc/viewer.ts';

/** QEMU answers viewers between other things. Whoever asks waits for this long, and a viewer for as long as it likes. */
const PATIENCE_MS = 700;

/** The VNC server of the running QEMU, reached on the host itself: nothing listens outside. */
export class VncConsole {
  readonly #machines: Machines;

  constructor(machines: Machines) {
    this.#machines = machines;
  }

  async open(nativeId: NativeId, signal: AbortSignal): Promise<Duplex> {
    const domain = await this.#machines.domain(nativeId);
    allow('console', await this.#machines.state(domain));
    const definition = readDomain(await domain.xml({ secure: true }));
    const address = addressOf(definition);
    const socket = await connectVnc(address, signal);
    // What stops it later is the viewer, and the end of the connection.
    socket.on('error', () => socket.destroy());
    const screen = entered(socket, definition);
    screen.catch(() => socket.destroy());
    await Promise.race([screen, delay(PATIENCE_MS)]);
    return joined(socket, screen);
  }
}

function addressOf({ vnc, name }: DomainDefinition): { host: string; port: number } | { path: string } {
  if (!vnc)
    throw new ProblemError(
      'host-rejected',
      `"${name}" has no VNC display. Give it one with virsh edit: <graphics type="vnc"><listen type="socket"/></graphics>`,
    );
  if (!vnc.address)
    throw new ProblemError(
      'host-rejected',
      `The VNC display of "${name}" listens nowhere. Let it listen on a socket with virsh edit: <graphics type="vnc"><listen type="socket"/></graphics>`,
    );
  return vnc.address;
}

/** A port or a socket that was read a moment ago may belong to another machine by now. */
async function entered(socket: Duplex, { vnc, announcedName }: DomainDefinition): Promise<Screen> {
  const screen = await enterScreen(socket, vnc?.password).catch((error: unknown) => {
    if (error instanceof ProblemError) throw error;
    throw new ProblemError('host-rejected', `The VNC display does not answer: ${(error as Error).message}`, {
      cause: error,
    });
  });
  if (screen.name === `QEMU (${announcedName})` || screen.name === 'QEMU') return screen;
  throw new ProblemError(
    'host-rejected',
    `The screen that answers calls itself "${foreignText(screen.name)}" and is not that of "${announcedName}". Try again in a moment.`,
  );
}

/** What the viewer is given: it is let in at once, as the agent has been. */
function joined(socket: Duplex, screen: Promise<Screen>): Duplex {
  const [viewer, inner] = duplexPair();
  const end = (error?: Error) => {
    socket.destroy();
    inner.destroy();
    viewer.destroy(error);
  };
  viewer.once('close', () => end());
  inner.on('error', () => end());
  screen.catch(end);
  // Afterwards it ends with what QEMU said last; until then there is nothing to wait for.
  const endUngreeted = () => end();
  socket.once('close', endUngreeted);
  greetViewer(
    inner,
    screen.then(({ greeting }) => greeting),
  ).then(() => {
    socket.off('close', endUngreeted);
    pipeline(socket, inner, socket, () => end());
  }, end);
  return viewer;
}
