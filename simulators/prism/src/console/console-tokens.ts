import { createHmac, timingSafeEqual } from 'node:crypto';
import { newUuid } from '../identity.ts';
import type { KnobSettings } from '../knobs/knob-settings.ts';
import { isObject } from '../json.ts';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Makes and reads the JSON web tokens that open a v4 console. */
export class ConsoleTokens {
  constructor(
    private readonly key: string,
    private readonly knobs: KnobSettings,
  ) {}

  issue(vmUuid: string, now: number): string {
    const exp = (now + this.knobs.get('console.tokenMinutes') * 60_000) / 1000;
    const content = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ vm: vmUuid, jti: newUuid(), iat: Math.floor(now / 1000), exp })}`;
    return `${content}.${this.sign(content)}`;
  }

  /** The VM a token is for; undefined when it is forged or too old. */
  vmOf(token: string, now: number): string | undefined {
    const at = token.lastIndexOf('.');
    const content = token.slice(0, at);
    const given = Buffer.from(token.slice(at + 1));
    const expected = Buffer.from(this.sign(content));
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const claims: unknown = JSON.parse(Buffer.from(content.split('.')[1] ?? '', 'base64url').toString());
    if (!isObject(claims) || typeof claims['exp'] !== 'number' || claims['exp'] * 1000 < now) return undefined;
    return typeof claims['vm'] === 'string' ? claims['vm'] : undefined;
  }

  private sign(content: string): string {
    return createHmac('sha256', this.key).update(content).digest('base64url');
  }
}
