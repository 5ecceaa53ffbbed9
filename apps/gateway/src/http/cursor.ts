import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import type { z } from 'zod';
import { Keys } from '../auth/keys.ts';

const macBytes = 12;

/** Opaque cursors of lists. They are signed, so that what a client sends back is what it was given. */
@Injectable()
export class Cursors {
  /** An object, because Node makes one of plain bytes for each use, and that takes longer than the rest. */
  private readonly keys: readonly [KeyObject, ...KeyObject[]];

  constructor(keys: Keys) {
    const [current, ...previous] = keys.derive('cursor');
    this.keys = [createSecretKey(current), ...previous.map((key) => createSecretKey(key))];
  }

  /** `list` names the list it belongs to; a cursor of another list does not open. */
  seal(list: string, position: unknown): string {
    const text = Buffer.from(JSON.stringify(position));
    return Buffer.concat([mac(this.keys[0], list, text), text]).toString('base64url');
  }

  /** Throws `invalid-input` for anything that `seal` has not made for this list. */
  open<Position>(list: string, cursor: string, schema: z.ZodType<Position>): Position {
    const bytes = Buffer.from(cursor, 'base64url');
    const text = bytes.subarray(macBytes);
    const intact =
      bytes.length > macBytes &&
      bytes.toString('base64url') === cursor &&
      this.keys.some((key) => timingSafeEqual(mac(key, list, text), bytes.subarray(0, macBytes)));
    const parsed = intact ? schema.safeParse(JSON.parse(text.toString())) : undefined;
    if (parsed?.success) return parsed.data;
    throw new ProblemError('invalid-input', 'The cursor is not one of this list; begin without one.', {
      errors: [{ pointer: 'cursor', detail: 'Not a cursor of this list.' }],
    });
  }
}

const mac = (key: KeyObject, list: string, text: Buffer): Buffer =>
  createHmac('sha256', key).update(list).update('\0').update(text).digest().subarray(0, macBytes);
