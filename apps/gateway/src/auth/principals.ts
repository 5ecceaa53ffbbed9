import { Injectable } from '@nestjs/common';
import { IdentityChanges } from './identity-changes.ts';
import type { Principal } from './caller.decorator.ts';

const mostEntries = 10_000;

export interface VerifiedCredential {
  readonly principal: Principal;
  /** From then on it has to be verified anew; ms since the epoch. */
  readonly goodUntil: number;
}

/**
 * Credentials that were verified, so that the next request with one costs a look-up. Emptied whenever any credential
 * may have lost its worth: that is rare, and the first requests after it read the database. The key is the credential
 * itself: who can read this memory can read the secret that signs them.
 */
@Injectable()
export class Principals {
  private readonly verified = new Map<string, VerifiedCredential>();
  private generation = 0;

  constructor(changes: IdentityChanges) {
    changes.onChange(() => {
      this.generation += 1;
      this.verified.clear();
    });
  }

  /** The principal of a credential, from memory or through `verify`. */
  async get(credential: string, verify: () => Promise<VerifiedCredential>): Promise<Principal> {
    const known = this.peek(credential);
    if (known) return known;
    const { generation } = this;
    const verified = await verify();
    // What was read before a revocation must not outlive it.
    if (generation === this.generation) this.keep(credential, verified);
    return verified.principal;
  }

  peek(credential: string): Principal | undefined {
    const known = this.verified.get(credential);
    return known && known.goodUntil > Date.now() ? known.principal : undefined;
  }

  private keep(credential: string, verified: VerifiedCredential): void {
    if (this.verified.size >= mostEntries) this.verified.delete(this.verified.keys().next().value!);
    this.verified.set(credential, verified);
  }
}
