import type { Duplex } from 'node:stream';
import { ByteReader } from './byte-reader.ts';

const VERSION = 'RFB 003.008\n';
const NONE = 1;

/** Shakes hands with a viewer in place of a server that has let us in already. `greeting` may still be on its way. */
export async function greetViewer(viewer: Duplex, greeting: Promise<Buffer>): Promise<void> {
  const reader = new ByteReader(viewer);
  try {
    viewer.write(VERSION);
    const version = (await reader.read(VERSION.length)).toString('latin1');
    const minor = Number(/^RFB 003\.(\d{3})\n$/.exec(version)?.[1] ?? Number.NaN);
    if (Number.isNaN(minor)) throw new Error('the viewer does not speak RFB 3');
    await agreeOnSecurity(viewer, reader, minor);
    // Whether it shares the display: the agent has said so for all.
    await reader.read(1);
    viewer.write(await greeting);
  } finally {
    reader.release();
  }
}

async function agreeOnSecurity(viewer: Duplex, reader: ByteReader, minor: number): Promise<void> {
  // Before 3.7 the server decides.
  if (minor < 7) {
    viewer.write(Buffer.from([0, 0, 0, NONE]));
    return;
  }
  viewer.write(Buffer.from([1, NONE]));
  const [chosen] = await reader.read(1);
  if (chosen !== NONE) throw new Error('the viewer wants to log in, and nobody asked');
  if (minor >= 8) viewer.write(Buffer.alloc(4));
}
