import { foreignText } from '@polyvirt/contracts';
import { isObject } from './json.ts';

/** Members whose texts are for the guest or for Prism alone. */
const SECRET = /^(?:guest_customization|credentials|custom_key_values)$|user_data|meta_data|unattend|password|secret/i;
/** So many of the latest texts are remembered. */
const MOST = 24;
/** What is quoted is looked for so far; a problem shows much less. */
const LOOKS_AT = 4_000;
/** A secret is looked up by pieces of so many characters, so that of every 9 that a text quotes one piece is found. */
const PIECE = 5;
/** A piece that is in a secret more often says little. */
const MOST_PLACES = 8;
/** Shorter texts say nothing by themselves. */
const LONGER_THAN = 8;

/**
 * Texts that no problem and no log may show: user data and passwords, of what is asked for and of VMs that are written back
 * whole. Prism quotes what it refuses, in part and in its own form, in answers and in tasks that fail long after.
 */
export class Secrets {
  readonly #known = new Map<string, Quotations | undefined>();

  /** Remembers what is secret in a body, at whatever depth. */
  learn(body: unknown): void {
    for (const text of secretsIn(body, false)) {
      // The latest stay the longest.
      const quotations = this.#known.get(text);
      this.#known.delete(text);
      this.#known.set(text, quotations);
    }
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST) return;
      this.#known.delete(oldest);
    }
  }

  /** A text of Prism as it may be shown: short, and with "[…]" for what is remembered, whole or in part. */
  clean(text: string): string {
    const beginning = text.slice(0, LOOKS_AT);
    const isQuoted = new Uint8Array(beginning.length);
    for (const [secret, known] of this.#known) {
      const quotations = known ?? new Quotations(secret);
      this.#known.set(secret, quotations);
      quotations.mark(beginning, isQuoted);
    }
    let clean = '';
    for (let at = 0; at < beginning.length; at += 1) {
      if (isQuoted[at] === 0) clean += beginning[at];
      else if (at === 0 || isQuoted[at - 1] === 0) clean += '[…]';
    }
    return foreignText(clean);
  }
}

/** Texts below a secret member, as they are sent, as the guest gets them, and as JSON has them. */
function secretsIn(value: unknown, isSecret: boolean): string[] {
  if (typeof value === 'string') return isSecret ? formsOf(value).filter((form) => form.length > LONGER_THAN) : [];
  if (Array.isArray(value)) return value.flatMap((item) => secretsIn(item, isSecret));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => secretsIn(member, isSecret || SECRET.test(key)));
}

function formsOf(text: string): string[] {
  const decoded = /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text) ? Buffer.from(text, 'base64').toString() : text;
  return [...new Set([text, decoded, JSON.stringify(decoded).slice(1, -1)])];
}

/** Finds what other texts quote of one. Pieces of it are looked up, so that a long one costs no more than a short one. */
class Quotations {
  readonly #text: string;
  readonly #pieces = new Map<string, number[]>();

  constructor(text: string) {
    this.#text = text;
    for (let at = 0; at + PIECE <= text.length; at += PIECE) {
      const piece = text.slice(at, at + PIECE);
      const places = this.#pieces.get(piece);
      if (!places) this.#pieces.set(piece, [at]);
      else if (places.length < MOST_PLACES) places.push(at);
    }
  }

  /** Marks the characters of another text that are quoted. */
  mark(other: string, isQuoted: Uint8Array): void {
    for (let at = 0; at + PIECE <= other.length; at += 1) {
      const places = this.#pieces.get(other.slice(at, at + PIECE)) ?? [];
      let end = at;
      for (const [from, to] of places.map((quoted) => this.#around(other, at, quoted))) {
        if (to - from <= LONGER_THAN) continue;
        isQuoted.fill(1, from, to);
        end = Math.max(end, to - PIECE);
      }
      at = end;
    }
  }

  /** As far as both are the same around a piece. */
  #around(other: string, at: number, quoted: number): [from: number, to: number] {
    let before = 0;
    while (at > before && quoted > before && other[at - before - 1] === this.#text[quoted - before - 1]) before += 1;
    let length = PIECE;
    while (
      at + length < other.length &&
      quoted + length < this.#text.length &&
      other[at + length] === this.#text[quoted + length]
    )
      length += 1;
    return [at - before, at + length];
  }
}
