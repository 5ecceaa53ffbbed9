import {
  commandOfVerb,
  problemAt,
  ProblemError,
  type CommandOf,
  type commands,
  type NativeId,
  type Verb,
} from '@polyvirt/contracts';
import type { Effect, HypervisorDriver, ImageSource, Made, OperationContext } from './driver.ts';
import { requireFacet } from './facets.ts';

/** What a command has done. */
export interface Done {
  readonly effect: Effect;
  /** The VM that it made. */
  readonly made?: NativeId;
  /** The snapshot that it took. */
  readonly snapshot?: string;
  readonly notes?: readonly string[];
}

/** What a driver is asked for. */
export interface Asked<Input> {
  readonly driver: HypervisorDriver;
  /** The VM; empty for a command that is about none. */
  readonly nativeId: NativeId;
  readonly input: Input;
  readonly context: OperationContext;
  readonly sources: ImageSources;
}

/** Knows what an agent may read, and how. */
export interface ImageSources {
  /** Throws `invalid-input` for what it does not read. */
  of(input: InputOf<'image.create'>): ImageSource;
}

type InputOf<V extends Verb> = CommandOf<Extract<(typeof commands)[number], { verb: V }>>['input'];
type Acts = { readonly [V in Verb]: (asked: Asked<InputOf<V>>) => Promise<Done> };

const effect = async (call: Promise<Effect>): Promise<Done> => ({ effect: await call });
const made = async (call: Promise<Made>): Promise<Done> => {
  const { nativeId, ...rest } = await call;
  return { ...rest, made: nativeId };
};

/** Several commands change a VM, each a part of it; the driver has one method for all. */
const changed =
  (verb: Verb) =>
  async ({ driver, nativeId, input, context }: Asked<object>): Promise<Done> => {
    const { change, places } = commandOfVerb(verb)!.changeOf(input)!;
    const reconfigure = await requireFacet(driver, 'reconfigure');
    return reconfigure.apply(nativeId, change, context).catch((error: unknown) => {
      throw problemAt(places, error);
    });
  };

/** How a driver carries each command out: one line for each. */
export const acts: Acts = {
  'vm.create': ({ driver, input, context }) => made(driver.create(input, context)),
  'vm.delete': ({ driver, nativeId, input, context }) => driver.delete(nativeId, input, context),
  'vm.start': ({ driver, nativeId, context }) => effect(driver.start(nativeId, context)),
  'vm.stop': ({ driver, nativeId, input, context }) => effect(driver.stop(nativeId, input, context)),
  'vm.restart': ({ driver, nativeId, input, context }) => effect(driver.restart(nativeId, input, context)),
  'vm.reset': ({ driver, nativeId, context }) => effect(driver.reset(nativeId, context)),
  'vm.suspend': async ({ driver, nativeId, context }) =>
    effect((await requireFacet(driver, 'suspend')).suspend(nativeId, context)),
  'vm.pause': async ({ driver, nativeId, context }) =>
    effect((await requireFacet(driver, 'suspend')).pause(nativeId, context)),
  'vm.resume': async ({ driver, nativeId, context }) =>
    effect((await requireFacet(driver, 'suspend')).resume(nativeId, context)),
  'vm.reconfigure': changed('vm.reconfigure'),
  'vm.disk-add': changed('vm.disk-add'),
  'vm.disk-grow': changed('vm.disk-grow'),
  'vm.disk-detach': changed('vm.disk-detach'),
  'vm.nic-add': changed('vm.nic-add'),
  'vm.nic-change': changed('vm.nic-change'),
  'vm.nic-remove': changed('vm.nic-remove'),
  'vm.cdrom-set': changed('vm.cdrom-set'),
  'vm.pending-changes-drop': async ({ driver, nativeId, context }) => {
    const facet = await requireFacet(driver, 'reconfigure');
    if (!facet.drop) throw new ProblemError('capability-missing', 'This host cannot withdraw what waits.');
    return effect(facet.drop(nativeId, context));
  },
  'vm.clone': async ({ driver, nativeId, input, context }) =>
    made((await requireFacet(driver, 'clone')).clone(nativeId, input, context)),
  'volume.delete': async ({ driver, input, context }) =>
    effect((await requireFacet(driver, 'volumes')).delete(input.volume, context)),
  'image.create': async ({ driver, input, context, sources }) => {
    const images = await requireFacet(driver, 'images');
    if (!images.create) throw new ProblemError('capability-missing', 'This host takes no images from here.');
    return images.create({ name: input.name, source: sources.of(input) }, context);
  },
  'image.delete': async ({ driver, input, context }) => {
    const images = await requireFacet(driver, 'images');
    if (!images.delete) throw new ProblemError('capability-missing', 'This host deletes no images from here.');
    return effect(images.delete(input, context));
  },
  'vm.snapshot-create': async ({ driver, nativeId, input, context }) =>
    (await requireFacet(driver, 'snapshots')).create(nativeId, input, context),
  'vm.snapshot-revert': async ({ driver, nativeId, input, context }) =>
    (await requireFacet(driver, 'snapshots')).revert(nativeId, input.snapshot, context),
  'vm.snapshot-delete': async ({ driver, nativeId, input, context }) =>
    (await requireFacet(driver, 'snapshots')).delete(nativeId, input, context),
};
