import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LessThan, type EntityManager } from 'typeorm';
import { Database } from '../database/database.ts';
import { neighbourhoodOf } from '../rate-limit/neighbourhood.ts';
import { KnownDeviceEntity } from './known-device.entity.ts';
import { secretHash } from './secret-hash.ts';
import { Sessions } from './sessions.ts';

export const deviceCookie = 'polyvirt_device';
const keptMs = 180 * 24 * 3_600_000;

/** Where somebody has logged in before, and so may again while others guess at the same account. */
@Injectable()
export class KnownDevices {
  constructor(
    private readonly database: Database,
    private readonly sessions: Sessions,
  ) {}

  /** The place that an attempt on an account of a user counts against. */
  async placeOf(
    userId: string | undefined,
    device: string | undefined,
    address: string,
  ): Promise<{ place: string; isKnown: boolean }> {
    const place = neighbourhoodOf(address);
    if (userId === undefined) return { place, isKnown: false };
    if (device !== undefined) {
      const hash = secretHash(device);
      const isKnown = await this.database.repository(KnownDeviceEntity).existsBy({ hash, userId });
      if (isKnown) return { place: `device ${hash}`, isKnown };
    }
    return { place, isKnown: await this.sessions.wasAt(userId, address) };
  }

  /** Notes, in the transaction of a log-in, that a user was let in on a device. */
  async keep(manager: EntityManager, userId: string, device: string): Promise<void> {
    const now = Date.now();
    await manager.delete(KnownDeviceEntity, { lastUsedAt: LessThan(now - keptMs) });
    await manager.upsert(KnownDeviceEntity, { hash: secretHash(device), userId, lastUsedAt: now }, ['hash']);
  }

  /** Whoever tries a password again and again is no longer known, and the next to log in there is. */
  async forget(manager: EntityManager, userId: string): Promise<void> {
    await manager.delete(KnownDeviceEntity, { userId });
  }
}

export const newDevice = (): string => randomBytes(32).toString('base64url');

export function deviceOf(request: FastifyRequest): string | undefined {
  const { [deviceCookie]: device } = parseCookie(request.headers.cookie ?? '');
  return device && device.length <= 100 ? device : undefined;
}

/** Good for nothing but to be let through to the password, and of no use to scripts. */
export function keepDevice(device: string, { protocol }: FastifyRequest, reply: FastifyReply): void {
  void reply.header(
    'Set-Cookie',
    stringifySetCookie({
      name: deviceCookie,
      value: device,
      maxAge: keptMs / 1_000,
      path: '/api/v1/auth',
      httpOnly: true,
      sameSite: 'strict',
      secure: protocol === 'https',
    }),
  );
}
