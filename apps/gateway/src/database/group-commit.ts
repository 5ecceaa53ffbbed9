import { setImmediate as nextTurn } from 'node:timers/promises';

/** How it ended for one of a group: by itself, whatever became of the others. */
export type Ending = { readonly value: unknown } | { readonly error: unknown };

interface Waiting<Work> {
  readonly work: Work;
  readonly askedAtMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions<Work> {
  /** All of these in one transaction. Throws when none of it was committed. */
  readonly together: (works: readonly Work[], askedAtMs: number) => Promise<readonly Ending[]>;
  /** This one in a transaction of its own. */
  readonly alone: (work: Work, askedAtMs: number) => Promise<unknown>;
}

/** Whoever is the last of a group waits for all of it. */
const mostTogether = 64;

/**
 * Commits together what is asked for within one turn of the event loop, and then what was asked for meanwhile: a commit waits for
 * the disk, and it waits as long for one as for many. What cannot be committed together is done again one by one.
 */
export class GroupCommit<Work> {
  private waiting: Waiting<Work>[] = [];
  private running: Promise<void> | undefined;

  constructor(private readonly options: GroupCommitOptions<Work>) {}

  add(work: Work): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ work, askedAtMs: performance.now(), resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      await nextTurn();
      await this.commit(this.waiting.splice(0, mostTogether));
    }
    this.running = undefined;
  }

  private async commit(group: readonly Waiting<Work>[]): Promise<void> {
    if (group.length > 1) {
      const works = group.map(({ work }) => work);
      const endings = await this.options.together(works, group[0]!.askedAtMs).catch(() => undefined);
      if (endings) {
        for (const [n, ending] of endings.entries())
          if ('error' in ending) group[n]!.reject(ending.error);
          else group[n]!.resolve(ending.value);
        return;
      }
    }
    for (const { work, askedAtMs, resolve, reject } of group)
      await this.options.alone(work, askedAtMs).then(resolve, reject);
  }
}
