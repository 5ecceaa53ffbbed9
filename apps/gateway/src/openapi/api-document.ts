import { Injectable } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';

/** The OpenAPI document of this gateway as text. The application that it is read from hands in how to build it. */
@Injectable()
export class ApiDocument {
  private build: (() => object) | undefined;
  private text: string | undefined;

  offer(build: () => object): void {
    this.build = build;
  }

  /** Built at the first call: it takes longer than a start should. */
  json(): string {
    if (!this.build) throw new ProblemError('unavailable', 'The gateway is still starting.');
    return (this.text ??= JSON.stringify(this.build()));
  }
}
