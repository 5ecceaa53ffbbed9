import type { OperationContext } from './driver.ts';

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

  /**
   * The same object with all its methods guarded; they have to be asynchronous. So are the steps of an operation, which the
   * journal sees before the method does, and the undos, which run when it has long ended.
   */
  facet<Facet extends object>(facet: Facet): Facet {
    return new Proxy(facet, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key, target);
        return typeof member === 'function'
          ? (...args: unknown[]) =>
              this.run(
                () =>
                  member.apply(
                    target,
                    args.map((arg) => this.#guarded(arg)),
                  ) as Promise<unknown>,
              )
          : member;
      },
    });
  }

  #guarded(arg: unknown): unknown {
    if (!isContext(arg)) return arg;
    const { operationId, signal, journal } = arg;
    const context: OperationContext = {
      operationId,
      signal,
      progress: (percent) => arg.progress(percent),
      journal: {
        step: (step) => {
          const { act, undo } = step;
          return journal.step({
            ...step,
            act: (isRepeat) => this.run(() => act.call(step, isRepeat)),
            ...(undo && { undo: (undoing) => this.run(() => undo.call(step, undoing)) }),
          });
        },
      },
    };
    return context;
  }
}

const isContext = (arg: unknown): arg is OperationContext =>
  typeof arg === 'object' && arg !== null && 'operationId' in arg && 'journal' in arg;
