import { without } from '../without.ts';
import { objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { VmConfig, VmRecord } from '../state/records.ts';
import type { Effect } from '../tasks/task-engine.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { changesThatNeedPowerOff } from './hot-change.ts';
import type { PowerAction } from './power.ts';
import { afterPower, touched } from './vm-power.ts';
import { buildConfig } from './vm-build.ts';
import { failure, vmOf } from './vm-create.effect.ts';
import { optional } from './vm-defaults.ts';

const OFF_BY: Readonly<Record<string, PowerAction>> = { HARD: 'off', ACPI: 'acpiShutdown', GUEST: 'guestShutdown' };

/** How a spec wants the VM powered off. */
export const powerOffBy = (resources: JsonObject): PowerAction =>
  OFF_BY[stringAt(objectAt(resources, 'power_state_mechanism'), 'mechanism') ?? 'HARD'] ?? 'off';

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What can differ while a PUT is still nothing but a request to power off. */
const withoutMechanism = (config: VmConfig): VmConfig => ({
  ...config,
  mechanism: '',
  enableScriptExec: false,
  failOnScriptFailure: false,
});

/** Replaces the whole spec of a VM: its settings, its devices and its power state. */
export const updateVm = (site: Datacenter): Effect => ({
  finish(task, now) {
    const vm = vmOf(site, task);
    const spec = objectAt(task.input, 'spec');
    const resources = objectAt(spec, 'resources');
    const before: VmRecord = { ...without(vm, 'intent', 'messages'), state: 'COMPLETE' };
    const config = keepHidden(site, buildConfig(site, resources, vm.config, vm.clusterUuid), vm.config);
    if (task.input['origin'] === 'v4') refuseTogether(site, vm, config);
    const wanted = stringAt(resources, 'power_state') ?? (vm.power === 'OFF' ? 'OFF' : 'ON');
    const described: VmRecord = {
      ...without(before, 'description'),
      name: stringAt(spec, 'name') ?? vm.name,
      ...optional('description', stringAt(spec, 'description')),
      ...(task.input['categories'] === undefined
        ? {}
        : { categories: task.input['categories'] as Record<string, string[]> }),
      ...optional('projectUuid', stringAt(task.input, 'projectUuid')),
      ...optional('ownerUuid', stringAt(task.input, 'ownerUuid')),
    };
    const next = applied(site, before, described, config, wanted, powerOffBy(resources), now);
    return { changes: [['vm', vm.uuid, next]] };
  },
  undo(task, error, now) {
    const vm = without(vmOf(site, task), 'intent');
    const shows = site.knobs.get('v3.failedUpdate') === 'error';
    return [
      [
        'vm',
        vm.uuid,
        shows
          ? { ...vm, state: 'ERROR', updatedAt: now, messages: failure(error?.detail) }
          : { ...vm, state: 'COMPLETE' },
      ],
    ];
  },
});

function applied(
  site: Datacenter,
  before: VmRecord,
  described: VmRecord,
  config: VmConfig,
  wanted: string,
  offBy: PowerAction,
  now: number,
): VmRecord {
  const changed = touched({ ...described, config }, now);
  if (wanted === 'ON' && (before.power === 'OFF' || before.power === 'SUSPENDED'))
    return afterPower(site, changed, 'on', now);
  if (wanted === 'ON') {
    refuseHotChanges(site, before.config, config);
    return changed;
  }
  if (before.power !== 'OFF') {
    const off = afterPower(site, before, offBy, now);
    // Addresses that a guest had learned went with its power.
    const nics = config.nics.map((nic) => ({
      ...nic,
      addresses: nic.addresses.filter(({ type }) => type === 'ASSIGNED'),
    }));
    return touched({ ...without(off, 'description'), ...pick(described), config: { ...config, nics } }, now, 0);
  }
  const powerOnly =
    same(withoutMechanism(before.config), withoutMechanism(config)) && same(pick(before), pick(described));
  if (powerOnly) afterPower(site, before, offBy, now);
  return changed;
}

const pick = ({
  name,
  description,
  categories,
  projectUuid,
  ownerUuid,
}: VmRecord): Pick<VmRecord, 'name' | 'description' | 'categories' | 'projectUuid' | 'ownerUuid'> => ({
  name,
  ...optional('description', description),
  categories,
  projectUuid,
  ownerUuid,
});

/** @throws TaskFailure naming what a running VM does not take. */
export function refuseHotChanges(site: Datacenter, before: VmConfig, after: VmConfig): void {
  if (site.knobs.get('v3.hotChange') === 'allow') return;
  const fields = changesThatNeedPowerOff(before, after);
  if (fields.length > 0)
    throw new TaskFailure(`INVALID_STATE: VM must be powered off to change ${fields.join(', ')}`, {
      v4Code: 'VMM-30102',
      v4Group: 'VM_INVALID_ARGUMENT',
    });
}

/** As reported of pc.7.5 (TF #1181), down to the placeholders that nobody filled in. @throws TaskFailure */
function refuseTogether(site: Datacenter, vm: VmRecord, after: VmConfig): void {
  const both = after.numSockets !== vm.config.numSockets && after.memoryMiB !== vm.config.memoryMiB;
  if (both && site.knobs.get('v4.socketsAndMemory') === 'fail')
    throw new TaskFailure(
      `Failed to perform the operation on the VM with UUID '${vm.uuid}', due to an invalid argument with key '{{argument_key}}' and value '{{argument_value}}'.`,
      { v4Code: 'VMM-30102', v4Group: 'VM_INVALID_ARGUMENT' },
    );
}

/** A client that was never shown the guest customization cannot be asked to send it back. */
function keepHidden(site: Datacenter, config: VmConfig, before: VmConfig): VmConfig {
  if (site.knobs.get('v3.guestCustomizationInReads') || config.guestCustomization !== undefined) return config;
  return { ...config, ...optional('guestCustomization', before.guestCustomization) };
}
