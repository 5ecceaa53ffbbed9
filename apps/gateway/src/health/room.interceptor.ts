import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { FreeSpace } from './free-space.ts';

/** Refuses what would write on a disk that is nearly full, so that the rest of it is there for what makes room. */
@Injectable()
export class RoomInterceptor implements NestInterceptor {
  constructor(private readonly space: FreeSpace) {}

  intercept(_: ExecutionContext, next: CallHandler) {
    this.space.requireRoom();
    return next.handle();
  }
}
