import { expect } from '@jest/globals';
import {
  commandOfVerb,
  createImage,
  isOn,
  ProblemError,
  type Capabilities,
  type DriverVm,
  type NativeId,
  type Plan,
  type PlanChange,
  type ProblemCode,
  type Verb,
} from '@polyvirt/contracts';
import { isDeepStrictEqual } from 'node:util';
import type { Effect, HypervisorDriver, OperationContext } from '../driver.ts';
import { planOf } from '../plan.ts';
import type { Bench } from './bench.ts';
import { TestOperation } from './test-operation.ts';
import { told } from './unknown.ts';

/** What can be known before anything is done; whatever else an act ends with, no plan need have foreseen. */
const foreseeable: readonly ProblemCode[] = [
  'invalid-input',
  'wrong-state',
  'name-taken',
  'capability-missing',
  'insufficient-capacity',
  'vm-not-found',
  'snapshot-not-found',
  'image-not-found',
  'network-not-found',
  'template-not-found',
  'device-not-found',
  'volume-not-found',
  'volume-in-use',
];

type Settled<Value> = { readonly value: Value } | { readonly error: unknown };
const settle = <Value>(call: Promise<Value>): Promise<Settled<Value>> =>
  call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

/**
 * A driver whose every act is planned before, so that each behaviour of the suite which changes something, or is refused, also
 * holds plan and act together; and whose records say nothing that is not known. What is done again, cut or cancelled is left out: nobody asks for the plan of half an act.
 */
export class PlannedDriver {
  readonly driver: HypervisorDriver;
  readonly #known = new Set<string>();
  #inFlight = 0;
  /** How many acts were compared with their plan, by verb. */
  readonly compared = new Map<string, number>();

  constructor(
    private readonly real: HypervisorDriver,
    private readonly bench: Pick<Bench, 'watchPower'>,
    private readonly capabilities: () => Capabilities,
    private readonly signal: () => AbortSignal,
  ) {
    this.driver = this.#planned();
  }

  #planned(): HypervisorDriver {
    const { real } = this;
    const act =
      <Args extends unknown[], Value>(
        verb: Verb,
        call: (...args: Args) => Promise<Value>,
        inputOf: (args: Args) => object,
      ) =>
      (...args: Args): Promise<Value> => {
        const nativeId = commandOfVerb(verb)?.isOfVm === true ? (args[0] as NativeId) : undefined;
        return this.#hold(verb, nativeId, inputOf(args), args.at(-1) as OperationContext, () => call(...args));
      };
    const none = () => ({});
    const second = ([, input]: readonly unknown[]) => input as object;
    const { suspend, reconfigure, clone, snapshots, volumes, images } = real;
    const acts = {
      get: async (...args: Parameters<HypervisorDriver['get']>) => told(await real.get(...args)),
      list: async (...args: Parameters<HypervisorDriver['list']>) => told(await real.list(...args)),
      create: act('vm.create', real.create.bind(real), ([input]) => input),
      delete: act('vm.delete', real.delete.bind(real), second),
      start: act('vm.start', real.start.bind(real), none),
      stop: act('vm.stop', real.stop.bind(real), second),
      restart: act('vm.restart', real.restart.bind(real), second),
      reset: act('vm.reset', real.reset.bind(real), none),
      suspend: suspend && {
        suspend: act('vm.suspend', suspend.suspend.bind(suspend), none),
        resume: act('vm.resume', suspend.resume.bind(suspend), none),
        pause: act('vm.pause', suspend.pause.bind(suspend), none),
      },
      reconfigure: reconfigure && {
        apply: act('vm.reconfigure', reconfigure.apply.bind(reconfigure), second),
        drop: reconfigure.drop && act('vm.pending-changes-drop', reconfigure.drop.bind(reconfigure), none),
      },
      volumes: volumes && {
        list: volumes.list.bind(volumes),
        delete: act('volume.delete', volumes.delete.bind(volumes), ([volume]) => ({ volume })),
      },
      images: images && {
        list: images.list.bind(images),
        templates: images.templates.bind(images),
        ...(images.changes && { changes: images.changes.bind(images) }),
        ...(images.create && {
          create: act('image.create', images.create.bind(images), ([{ name, source }]) => ({
            name,
            url: source.label,
            sha256: source.sha256,
          })),
        }),
        ...(images.delete && { delete: act('image.delete', images.delete.bind(images), ([image]) => image) }),
      },
      clone: clone && { clone: act('vm.clone', clone.clone.bind(clone), second) },
      snapshots: snapshots && {
        create: act('vm.snapshot-create', snapshots.create.bind(snapshots), second),
        revert: act('vm.snapshot-revert', snapshots.revert.bind(snapshots), ([, snapshot]) => ({ snapshot })),
        delete: act('vm.snapshot-delete', snapshots.delete.bind(snapshots), second),
      },
    };
    return new Proxy(real, {
      get: (target, key) => {
        if (key in acts) return acts[key as keyof typeof acts];
        const member: unknown = Reflect.get(target, key, target);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  }

  async #hold<Value>(
    verb: Verb,
    nativeId: NativeId | undefined,
    input: object,
    context: OperationContext,
    call: () => Promise<Value>,
  ): Promise<Value> {
    const isFirst = !this.#known.has(context.operationId);
    this.#known.add(context.operationId);
    const isWhole = context instanceof TestOperation && context.isWhole;
    // Of two at once, one may be in the way of the other.
    if (!isFirst || !isWhole || this.#inFlight > 0) return this.#counted(call);
    let before: DriverVm | undefined;
    const looking = {
      plans: this.real.plans,
      get: async (id: NativeId, signal: AbortSignal) => (before = await this.real.get(id, signal)),
    } as Pick<HypervisorDriver, 'get' | 'plans'>;
    const definition = commandOfVerb(verb)!;
    const request = { nativeId, input };
    const plan = await settle(planOf(looking, definition, request, this.capabilities(), this.signal()));
    const isWatched = before !== undefined && isOn(before) && 'value' in plan;
    const watch = isWatched ? await this.bench.watchPower?.(nativeId!) : undefined;
    const outcome = await this.#counted(() => settle(call()));
    await this.#compare({ verb, nativeId, input, before, plan, outcome, context: context as TestOperation, watch });
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  async #counted<Value>(call: () => Promise<Value>): Promise<Value> {
    this.#inFlight += 1;
    try {
      return await call();
    } finally {
      this.#inFlight -= 1;
    }
  }

  async #compare({ verb, nativeId, input, before, plan, outcome, context, watch }: Comparison): Promise<void> {
    const what = { verb, input };
    this.compared.set(verb, (this.compared.get(verb) ?? 0) + 1);
    if ('error' in outcome) {
      const act = outcome.error;
      // What a source has is seen when it is there.
      const isOfContent = verb === createImage.verb && act instanceof ProblemError && act.code === 'invalid-input';
      const isForeseeable = act instanceof ProblemError && foreseeable.includes(act.code) && !isOfContent;
      if (isForeseeable || 'error' in plan)
        expect({ ...what, plan: refusal(plan) }).toMatchObject({ ...what, plan: refusal(outcome) });
      return;
    }
    const done = outcome.value as Effect | { effect: Effect; nativeId?: NativeId };
    const effect = typeof done === 'string' ? done : done.effect;
    // Whoever deletes a snapshot again finds it gone, which the API says by a 404.
    const isGone = verb === 'vm.snapshot-delete' && effect === 'unchanged';
    if (isGone && 'error' in plan && (plan.error as ProblemError).code === 'snapshot-not-found') return;
    if ('error' in plan) throw new Error(`${verb} was done, and its plan refused it`, { cause: plan.error });
    const { changes, steps, disruption, partial } = plan.value;
    expect({ ...what, changes: changes.length > 0, partial }).toEqual({
      ...what,
      changes: effect === 'changed',
      partial: false,
    });
    if (steps.length > 0) expect(context.steps).toEqual(expect.arrayContaining(steps.map(({ name }) => name)));
    if (watch && disruption !== 'data-loss' && effect === 'changed')
      expect({ ...what, disruption }).toEqual({ ...what, disruption: await watch() });
    if (changes.length === 0 || (nativeId === undefined && verb !== 'vm.create')) return;
    const id = typeof done === 'object' && done.nativeId !== undefined ? done.nativeId : nativeId!;
    await this.#compareChanges(what, changes, before, await this.#find(id));
  }

  async #compareChanges(
    what: object,
    changes: readonly PlanChange[],
    before: DriverVm | undefined,
    after: DriverVm | undefined,
  ): Promise<void> {
    const come = (list: CountedList, when: PlanChange['when']) => {
      const of = changes.filter((change) => change.pointer.startsWith(`/${list}/`) && change.when === when);
      const added = of.filter(({ pointer }) => pointer.endsWith('/-')).length;
      return added - of.filter(({ pointer, to }) => /\/\d+$/.test(pointer) && to === undefined).length;
    };
    for (const { pointer, from, to, when } of changes) {
      const at = { ...what, pointer };
      if (pointer === '' && to === undefined) expect({ ...at, after }).toEqual({ ...at, after: undefined });
      if (pointer === '' && to !== undefined) {
        const { name, state, cpus, memoryMiB } = to as DriverVm;
        expect(after).toMatchObject({ name, state, ...(cpus !== undefined && { cpus, memoryMiB }) });
      }
      if (when === 'next-power-off' && isPlain(pointer)) {
        const waits = after?.pendingChanges?.find((change) => change.pointer === pointer);
        // What was withdrawn waits no longer.
        const isWithdrawn = before !== undefined && isDeepStrictEqual(valueAt(before, pointer), to);
        expect({ ...at, waits }).toEqual({ ...at, waits: isWithdrawn ? undefined : { pointer, from, to } });
      }
      if (when === 'now' && isPlain(pointer) && after)
        expect({ ...at, value: valueAt(after, pointer) }).toEqual({ ...at, value: to });
    }
    if (!before || !after) return;
    // A running guest may not let go of an interface or a disk, and the plan says so.
    const isKept = ({ pointer, to, when }: PlanChange) =>
      when === 'now' && to === undefined && after.pendingChanges?.some((change) => change.pointer === pointer) === true;
    const kept = changes.filter((change) => /^\/(?:nics|disks)\/\d+$/.test(change.pointer) && isKept(change));
    for (const list of ['nics', 'disks', 'snapshots'] as const) {
      const stay = kept.filter(({ pointer }) => rootOf(pointer) === list).length;
      const count = after[list].length - before[list].length;
      if (changes.some(({ pointer }) => pointer.startsWith(`/${list}/`)))
        expect({ ...what, list, count }).toEqual({
          ...what,
          list,
          count: come(list, 'now') + stay,
        });
    }
    const was = (before.pendingChanges ?? []).map(({ pointer }) => pointer);
    const planned = [...changes.filter(({ when }) => when === 'next-power-off'), ...kept].map(({ pointer }) =>
      rootOf(pointer),
    );
    const news = (after.pendingChanges ?? []).filter(({ pointer }) => !was.includes(pointer));
    expect({ ...what, waits: news.filter(({ pointer }) => !planned.includes(rootOf(pointer))) }).toEqual({
      ...what,
      waits: [],
    });
  }

  async #find(nativeId: NativeId): Promise<DriverVm | undefined> {
    try {
      return await this.real.get(nativeId, this.signal());
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'vm-not-found') return undefined;
      throw error;
    }
  }
}

interface Comparison {
  readonly verb: Verb;
  readonly nativeId: NativeId | undefined;
  readonly input: object;
  readonly before: DriverVm | undefined;
  readonly plan: Settled<Plan>;
  readonly outcome: Settled<unknown>;
  readonly context: TestOperation;
  readonly watch: (() => Promise<Plan['disruption']>) | undefined;
}

/** What both have to say alike: the words may differ, the places that the act names may not. */
function refusal(settled: Settled<unknown>): unknown {
  if (!('error' in settled)) return 'none';
  const { error } = settled;
  if (!(error instanceof ProblemError)) return String(error);
  const at = error.extras.errors?.map(({ pointer }) => pointer);
  return { code: error.code, ...(at && { at }) };
}

type CountedList = 'nics' | 'disks' | 'snapshots';

const isPlain = (pointer: string): boolean =>
  /^\/(?:\w+|disks\/\d+\/sizeGiB|nics\/\d+\/(?:network|connected))$/.test(pointer);
const rootOf = (pointer: string): string => pointer.split('/')[1] ?? '';

const valueAt = (vm: DriverVm, pointer: string): unknown =>
  pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], vm);
