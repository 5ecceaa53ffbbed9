/** Lets only problems out of calls to a hypervisor; what is not the hypervisor's passes through, as it is a bug. */
export class ProblemGuard {
  readonly #toProblem: (error: unknown) => unknown;

  /** `toProblem` answers the problem that an error of the hypervisor means, or the error itself. */
  constructor(toProblem: (error: unknown) => unknown) {
    this.#toProblem = toProblem;
  }

  async run<Result>(calls: () => Promise<Result>): Promise<Result> {
    try {
      return await calls();
    } catch (error) {
      throw this.#toProblem(error);
    }
  }

  /** The same object with all its methods guarded; they have to be asynchronous. */
  facet<Facet extends object>(facet: Facet): Facet {
    return new Proxy(facet, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key, target);
        return typeof member === 'function'
          ? (...args: unknown[]) => this.run(() => member.apply(target, args) as Promise<unknown>)
          : member;
      },
    });
  }
}
