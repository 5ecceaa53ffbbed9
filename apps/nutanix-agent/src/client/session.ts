/**
 * One log-in for all calls. Many parallel calls with Basic get random refusals where the users come from LDAP, so the
 * cookie of the first is what the others show, and only one call at a time asks for a new one.
 */
export class Session {
  readonly #logIn: (signal: AbortSignal) => Promise<string>;
  #cookie: string | undefined;
  #asking: { readonly cookie: Promise<string>; readonly signal: AbortSignal } | undefined;

  /** `logIn` answers the value of the `Cookie` header, empty when Prism gives none. */
  constructor(logIn: (signal: AbortSignal) => Promise<string>) {
    this.#logIn = logIn;
  }

  async cookie(signal: AbortSignal): Promise<string> {
    while (this.#cookie === undefined) {
      const asking = (this.#asking ??= this.#ask(signal));
      try {
        return await asking.cookie;
      } catch (error) {
        // Whoever asked may have been cancelled, which is no matter of the others.
        signal.throwIfAborted();
        if (!asking.signal.aborted) throw error;
      }
    }
    return this.#cookie;
  }

  #ask(signal: AbortSignal) {
    const cookie = this.#logIn(signal)
      .then((value) => (this.#cookie = value))
      .finally(() => (this.#asking = undefined));
    return { cookie, signal };
  }

  /** That cookie is refused; a newer one stays. */
  refused(cookie: string): void {
    if (this.#cookie === cookie) this.#cookie = undefined;
  }
}

/** `Cookie` header out of `Set-Cookie` headers: names and values, without what is meant for the browser. */
export function cookieOf(headers: string | readonly string[] | undefined): string {
  return [headers ?? []]
    .flat()
    .map((header) => header.split(';', 1)[0]!.trim())
    .filter((pair) => pair.includes('='))
    .join('; ');
}
