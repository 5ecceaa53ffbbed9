import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import { RoomInterceptor } from '../health/room.interceptor.ts';
import { IdempotencyInterceptor } from '../idempotency/idempotency.interceptor.ts';

export const ACTION = 'polyvirt:action';
/** In the API document while it is made: the route takes an `Idempotency-Key`. */
export const REPEATABLE = 'x-repeatable';
/** In the API document while it is made: the route is refused on a full disk. */
export const NEEDS_ROOM = 'x-needs-room';

/**
 * What a route does when a disk that services write to is full. It is refused unless it makes room, ends something, is the
 * way in for whoever does that, or has each of its parts decide for itself.
 */
export type OnFullDisk = 'refused' | 'carried out';

const room = (onFullDisk: OnFullDisk) =>
  onFullDisk === 'refused' ? [UseInterceptors(RoomInterceptor), ApiExtension(NEEDS_ROOM, true)] : [];

/**
 * A route that changes something: `action` is what the audit calls it, refused attempts are recorded under it, and a
 * repeat with the same `Idempotency-Key` changes nothing more.
 */
export const Changes = (action: string, onFullDisk: OnFullDisk = 'refused') =>
  applyDecorators(
    SetMetadata(ACTION, action),
    UseInterceptors(IdempotencyInterceptor),
    ApiExtension(REPEATABLE, true),
    // After the key: the first answer is given again whatever has become of the disk.
    ...room(onFullDisk),
  );

/**
 * A route that changes something by a credential in its body, or by what it gives out. Nothing of it is kept for a repeat: what
 * answers to a guess a second time would be a second way to guess.
 */
export const ChangesByCredential = (action: string, onFullDisk: OnFullDisk = 'refused') =>
  applyDecorators(SetMetadata(ACTION, action), ...room(onFullDisk));
