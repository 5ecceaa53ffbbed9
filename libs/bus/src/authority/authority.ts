import type { EventReader, HostId } from '@polyvirt/contracts';
import { inboxPrefix, permissionsOf, userNameOf, type BusService } from '../authorization.ts';
import { coreClaims, hostClaims, subscriberClaims, systemClaims, type HostAccountOptions } from './accounts.ts';
import {
  accountToken,
  credentialsOf,
  deletionToken,
  newOperatorSeed,
  operatorToken,
  userToken,
  type CredentialExtras,
  type Role,
  type AccountClaims,
  type KeyPair,
} from './jwt.ts';
import { deriveKey, hostMessageKey, messageKey } from './keys.ts';

/** An account as nats-server takes it. */
export interface IssuedAccount {
  readonly publicKey: string;
  readonly token: string;
}

/** A key that is let in as the agent of a host. */
export interface Admission {
  readonly host: HostId;
  readonly join: string;
  /** Of a user, as NATS spells it. */
  readonly publicKey: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** For clients that take JetStream from another account than their own. */
export const guestTag = 'guest-of-core';

/**
 * Issues the accounts of nats-server and the credentials to them, by the signing key of the operator. All keys come from
 * that one, so whoever has it has everything.
 */
export class Authority {
  readonly #seed: string;
  readonly #realm: string;

  /** `realm` tells apart installations on one server, as those of tests. */
  constructor(signingSeed: string, realm = '') {
    this.#seed = signingSeed;
    this.#realm = realm;
  }

  static newSeed(): string {
    return newOperatorSeed();
  }

  /** The token of the operator, for the configuration of nats-server; its identity key is needed for nothing else. */
  operator(identitySeed: string): Promise<string> {
    return operatorToken(identitySeed, this.#seed, this.systemAccount);
  }

  /** The same in all realms: the account that may look at the others, and change them. */
  get systemAccount(): string {
    return this.#system.getPublicKey();
  }

  system(): Promise<IssuedAccount> {
    return this.#issue(this.#system, systemClaims(this.coreAccount), [this.#keeperRole]);
  }

  core(): Promise<IssuedAccount> {
    const services = (['admin', 'gateway', 'organizer'] as const).map((service) => this.#roleOf({ service }));
    return this.#issue(this.#core, coreClaims(this.#named('CORE')), services);
  }

  host(host: HostId, options?: HostAccountOptions): Promise<IssuedAccount> {
    const claims = hostClaims(this.#named(`host ${host}`), host, this.coreAccount, options);
    return this.#issue(this.#hostKey(host, options?.join), claims, [this.#roleOf({ service: 'agent', host })]);
  }

  /** Lets the owner of a key that was made elsewhere into the account of a join. */
  async admit({ host, join, publicKey, expiresAt }: Admission): Promise<{ token: string; messageKey: string }> {
    const service = { service: 'agent', host, join } as const;
    const [account, { tags, messageKey: key }] = this.#accountFor(service);
    const { key: role } = this.#roleOf(service);
    const token = await userToken(userNameOf(service), publicKey, account, role, { ...(tags && { tags }), expiresAt });
    return { token, messageKey: key! };
  }

  subscriber(subscriber: EventReader): Promise<IssuedAccount> {
    const claims = subscriberClaims(this.#named(`subscriber ${subscriber.id}`), subscriber, this.coreAccount);
    return this.#issue(this.#subscriberKey(subscriber.id), claims, [
      this.#roleOf({ service: 'subscriber', ...subscriber }),
    ]);
  }

  /** Public key of the account of a host, or of one of its joins. */
  hostAccount(host: HostId, join?: string): string {
    return this.#hostKey(host, join).getPublicKey();
  }

  subscriberAccount(id: string): string {
    return this.#subscriberKey(id).getPublicKey();
  }

  get coreAccount(): string {
    return this.#core.getPublicKey();
  }

  /** The credential of a service, in the format of a `.creds` file. */
  credentials(service: BusService): Promise<string> {
    const name = userNameOf(service);
    const [account, extras] = this.#accountFor(service);
    return credentialsOf(name, this.#user(name), account, this.#roleOf(service).key, extras);
  }

  /** The credential with which accounts are changed and looked at. */
  systemCredentials(): Promise<string> {
    const { name, key } = this.#keeperRole;
    return credentialsOf(name, this.#user(name), this.#system, key);
  }

  /** A request to delete accounts. */
  deletion(accounts: readonly string[]): Promise<string> {
    return deletionToken(this.#seed, accounts);
  }

  #accountFor(service: BusService): [account: KeyPair, extras: CredentialExtras] {
    const tags = [guestTag];
    const key = messageKey(this.#seed, this.#realm);
    switch (service.service) {
      case 'agent':
        return [this.#hostKey(service.host, service.join), { tags, messageKey: hostMessageKey(key, service.host) }];
      case 'subscriber':
        return [this.#subscriberKey(service.id), { tags }];
      case 'organizer':
        // It publishes nothing that anybody else does.
        return [this.#core, {}];
      default:
        return [this.#core, { messageKey: key }];
    }
  }

  async #issue(account: KeyPair, claims: AccountClaims, roles: readonly Role[]): Promise<IssuedAccount> {
    return { publicKey: account.getPublicKey(), token: await accountToken(account, claims, roles, this.#seed) };
  }

  #roleOf(service: BusService): Role {
    const name = userNameOf(service);
    const key = deriveKey(this.#seed, 'account', `${this.#realm}/role/${name}`);
    return { name, key, ...permissionsOf(service, name) };
  }

  /** The same in all realms, too. */
  get #keeperRole(): Role {
    const name = 'keeper';
    return {
      name,
      key: deriveKey(this.#seed, 'account', `role/${name}`),
      publish: ['$SYS.REQ.CLAIMS.UPDATE', '$SYS.REQ.CLAIMS.DELETE', '$SYS.REQ.ACCOUNT.*.*', '$SYS.REQ.SERVER.PING.*'],
      subscribe: [`${inboxPrefix(name)}.>`],
      replies: false,
    };
  }

  #named(name: string): string {
    return this.#realm ? `${name} of ${this.#realm}` : name;
  }

  get #system(): KeyPair {
    return deriveKey(this.#seed, 'account', 'SYS');
  }

  get #core(): KeyPair {
    return deriveKey(this.#seed, 'account', `${this.#realm}/CORE`);
  }

  /** An account for each join: what was let in by one is nobody in the next. */
  #hostKey(host: HostId, join?: string): KeyPair {
    return deriveKey(this.#seed, 'account', `${this.#realm}/host/${host}${join === undefined ? '' : `/${join}`}`);
  }

  #subscriberKey(id: string): KeyPair {
    return deriveKey(this.#seed, 'account', `${this.#realm}/subscriber/${id}`);
  }

  #user(name: string): KeyPair {
    return deriveKey(this.#seed, 'user', `${this.#realm}/${name}`);
  }
}
