import { createCipheriv } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { foreignText, ProblemError } from '@polyvirt/contracts';
import { ByteReader } from './byte-reader.ts';

// https://www.rfc-editor.org/rfc/rfc6143#section-7
const VERSION = 'RFB 003.008\n';
const NONE = 1;
const PASSWORD = 2;
const FAILED_WITHOUT_REASON = 'no reason given';
/** Before the name in the greeting of a server: size, pixel format and the length of the name. */
const HEAD_BYTES = 24;
const LONGEST_TEXT = 65_536;

/** A display that has let us in. */
export interface Screen {
  /** The greeting of the server, which a viewer waits for. */
  readonly greeting: Buffer;
  /** How the server calls its display. */
  readonly name: string;
}

/** Shakes hands with a VNC server, as a viewer that shares the display with others. */
export async function enterScreen(stream: Duplex, password: string | undefined): Promise<Screen> {
  const reader = new ByteReader(stream);
  try {
    const version = (await reader.read(VERSION.length)).toString('latin1');
    if (!/^RFB 003\.00[89]\n$/.test(version))
      throw rejected(`What answers is no VNC server of version 3.8: ${version}`);
    stream.write(VERSION);
    await authenticate(stream, reader, password);
    stream.write(Buffer.from([1]));
    const head = await reader.read(HEAD_BYTES);
    const name = await reader.read(bounded(head.readUInt32BE(HEAD_BYTES - 4)));
    return { greeting: Buffer.concat([head, name]), name: name.toString('utf8') };
  } finally {
    reader.release();
  }
}

async function authenticate(stream: Duplex, reader: ByteReader, password: string | undefined): Promise<void> {
  const [count = 0] = await reader.read(1);
  if (count === 0) throw rejected(`The display refuses viewers: ${await readReason(reader)}`);
  const offered = [...(await reader.read(count))];
  if (offered.includes(NONE)) stream.write(Buffer.from([NONE]));
  else if (!offered.includes(PASSWORD))
    throw rejected(
      'The display asks for a way to log in that the agent does not know (TLS or SASL, set in qemu.conf). Allow a password or none.',
    );
  else if (password === undefined)
    throw rejected(
      'The display has a password that is not in the definition of the VM, and the agent does not know it.',
    );
  else {
    stream.write(Buffer.from([PASSWORD]));
    stream.write(answerTo(await reader.read(16), password));
  }
  if ((await reader.read(4)).readUInt32BE() === 0) return;
  throw rejected(`The display did not let the agent in: ${await readReason(reader)}`);
}

async function readReason(reader: ByteReader): Promise<string> {
  const length = bounded((await reader.read(4)).readUInt32BE());
  return foreignText((await reader.read(length)).toString('utf8')) || FAILED_WITHOUT_REASON;
}

function bounded(length: number): number {
  if (length > LONGEST_TEXT) throw rejected('What answers is no VNC server.');
  return length;
}

/** DES with the password as its key, each byte of it mirrored. One key three times makes DES of the triple DES. */
export function answerTo(challenge: Buffer, password: string): Buffer {
  const key = Buffer.alloc(8);
  key.write(password, 'latin1');
  for (const [index, byte] of key.entries())
    key[index] = Number.parseInt(byte.toString(2).padStart(8, '0').split('').reverse().join(''), 2);
  const cipher = createCipheriv('des-ede3', Buffer.concat([key, key, key]), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}

const rejected = (detail: string) => new ProblemError('host-rejected', detail);
