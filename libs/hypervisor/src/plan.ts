import {
  isAlready,
  placed,
  planFrom,
  problemAt,
  requireCapabilities,
  type Capabilities,
  type CommandDefinition,
  type CommandOf,
  type commands,
  type DriverVm,
  type Forecast,
  type HardwareChange,
  type NativeId,
  type Plan,
  type Verb,
} from '@polyvirt/contracts';
import type { HypervisorDriver } from './driver.ts';

type Definition<V extends Verb> = Extract<(typeof commands)[number], { verb: V }>;

/** What a plan is asked for. */
export interface PlanRequest<Input = unknown> {
  readonly nativeId: NativeId;
  /** As `get` has just shown it. */
  readonly vm: DriverVm;
  readonly input: Input;
}

/** Commands that are about no VM. */
type HostVerb = 'vm.create' | 'volume.delete' | 'image.create' | 'image.delete';

/** By verb, what a driver knows beforehand that the record of the VM and the capabilities of the host do not say. */
export type Plans = {
  /** That of `vm.reconfigure` plans every command that changes the hardware of a VM. */
  readonly [V in Verb]?: (
    request: V extends HostVerb
      ? Pick<PlanRequest<CommandOf<Definition<V>>['input']>, 'input'>
      : PlanRequest<V extends 'vm.reconfigure' ? HardwareChange : CommandOf<Definition<V>>['input']>,
    signal: AbortSignal,
  ) => Promise<Forecast>;
};

type AnyPlan = (request: Partial<PlanRequest>, signal: AbortSignal) => Promise<Forecast>;

/**
 * What a command would do on the host as it is now. Throws the problem that it would end with. What every driver has in
 * common is decided here: capabilities, states, what the record shows, and the changes that follow from it.
 */
export async function planOf(
  driver: Pick<HypervisorDriver, 'get' | 'plans'>,
  definition: CommandDefinition,
  { nativeId, input: given }: { readonly nativeId?: NativeId | undefined; readonly input: unknown },
  capabilities: Capabilities,
  signal: AbortSignal,
): Promise<Plan> {
  const forecast = forecasterOf(driver.plans, definition);
  if (nativeId === undefined) {
    const known = { vm: undefined, capabilities };
    requireCapabilities(definition, given, known);
    return planFrom(definition.outline(given, known), (await forecast?.({ input: given }, signal)) ?? {});
  }
  const vm = await driver.get(nativeId, signal);
  const known = { vm, capabilities };
  requireCapabilities(definition, given, known);
  const action = definition.actionOf(given);
  if (action !== undefined && isAlready(action, vm, capabilities)) return planFrom({ changes: [] }, {});
  const input = definition.resolve(given, vm);
  definition.check(input, vm);
  return planFrom(definition.outline(input, known), (await forecast?.({ nativeId, vm, input }, signal)) ?? {});
}

/** A driver plans a change of the hardware as such; what it points to is put where it stands in the request. */
function forecasterOf(plans: Plans | undefined, definition: CommandDefinition): AnyPlan | undefined {
  const own = plans?.[definition.verb as Verb] as AnyPlan | undefined;
  const ofChange = plans?.['vm.reconfigure'] as AnyPlan | undefined;
  if (own || !ofChange) return own;
  return async (request, signal) => {
    const placedChange = definition.changeOf(request.input);
    if (!placedChange) return {};
    const { change, places } = placedChange;
    const forecast = await ofChange({ ...request, input: change }, signal).catch((error: unknown) => {
      throw problemAt(places, error);
    });
    const { warnings } = forecast;
    return { ...forecast, ...(warnings && { warnings: warnings.map((warning) => placed(warning, places)) }) };
  };
}
