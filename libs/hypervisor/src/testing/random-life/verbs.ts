import { nameKey, ProblemError, type DriverVm, type NativeId } from '@polyvirt/contracts';
import type { World } from './world.ts';

/** Something that may happen. It answers what it did, for the record of the run, or undefined when there was nothing to do it to. */
export interface RandomVerb {
  readonly weight: number;
  readonly name: string;
  act(world: World): Promise<string | undefined>;
}

const mostMachines = 6;
const force = { force: true, timeoutSeconds: 1 };

const onOne =
  (
    choose: (vm: DriverVm, all: readonly DriverVm[]) => boolean,
    act: (world: World, vm: DriverVm) => Promise<unknown>,
  ): RandomVerb['act'] =>
  async (world) => {
    const all = await world.vms();
    const vm = world.dice.pick(all.filter((one) => choose(one, all)));
    if (!vm) return undefined;
    const what = await act(world, vm).catch((error: unknown) => {
      // One file is not for two that run, and only the hypervisor knows.
      const isExpected = error instanceof ProblemError && error.code === 'host-rejected';
      if (isExpected && world.entangled.has(vm.nativeId)) return error.message;
      throw error;
    });
    const more = typeof what === 'string' ? `: ${what}` : '';
    return `"${vm.name}" (${vm.nativeId}, ${vm.state})${more}`;
  };

const any = () => true;
const isOff = ({ state }: DriverVm) => state === 'stopped' || state === 'crashed';
const hasDisks = ({ disks }: DriverVm) => disks.length > 0;
const isOn = ({ state }: DriverVm) => state === 'running' || state === 'paused';

async function create(world: World): Promise<string | undefined> {
  const { bench, dice } = world;
  if ((await world.vms()).length >= mostMachines) return undefined;
  const blank = { sizeGiB: 1, copy: 'cow' as const };
  const disk = () =>
    dice.chance(0.5) ? blank : { image: bench.image, copy: dice.chance(0.7) ? ('cow' as const) : ('full' as const) };
  const body = world.body({
    firmware: dice.chance(0.4) ? 'uefi' : 'bios',
    disks: dice.chance(0.8) ? [disk()] : [disk(), blank],
    ...(dice.chance(0.3) && { nics: [{ network: bench.network, address: 'auto' as const }] }),
    ...(dice.chance(0.2) && { cloudInit: { userData: '#cloud-config\n' } }),
  });
  const { nativeId, notes } = await world.run((driver, context) => driver.create(body, context));
  world.tell(notes);
  return `"${body.name}" (${nativeId}), ${body.firmware}, ${JSON.stringify(body.disks)}`;
}

async function clone(world: World, vm: DriverVm): Promise<string> {
  const { dice } = world;
  const snapshot = dice.chance(0.4) ? dice.pick(vm.snapshots)?.id : undefined;
  const input = {
    name: world.name(),
    linked: dice.chance(0.75),
    start: false,
    ...(snapshot !== undefined && { snapshot }),
  };
  const { nativeId, notes } = await world.run((driver, context) => driver.clone!.clone(vm.nativeId, input, context));
  world.tell(notes);
  if (world.entangled.has(vm.nativeId)) world.entangled.add(nativeId);
  return `${nativeId} ${JSON.stringify(input)}`;
}

export async function remove(
  world: World,
  { nativeId }: { nativeId: NativeId },
  disks: 'delete' | 'keep',
): Promise<void> {
  if (disks === 'keep') await world.keepFilesOf(nativeId);
  const { notes } = await world.run((driver, context) => driver.delete(nativeId, { disks }, context));
  // A VM that cannot be read may need anything, and what is kept for it does not go with the last of the others. What another tool
  // has put below a VM is not the VM's own.
  if (world.odd || world.entangled.has(nativeId)) world.tell(notes);
  world.byHand.delete(nativeId);
}

async function spoil(world: World): Promise<string | undefined> {
  if (world.odd) {
    const { name, mend } = world.odd;
    await mend();
    world.odd = undefined;
    for (const vm of (await world.look()).filter((one) => one.name === name))
      await world.bench.otherTool.remove(vm.nativeId);
    return `mended and removed "${name}"`;
  }
  const name = world.name().normalize('NFC');
  const { mend } = await world.bench.otherTool.makeUnreadable(`${name} odd`);
  world.odd = { name: `${name} odd`, mend };
  return `"${name} odd"`;
}

async function snapshot(world: World, vm: DriverVm): Promise<void> {
  const input = { name: world.name(), ...(!isOn(vm) && { memory: false }) };
  const { notes } = await world.run((driver, context) => driver.snapshots!.create(vm.nativeId, input, context));
  world.tell(notes);
}

async function revert(world: World, { nativeId, snapshots }: DriverVm): Promise<void> {
  const { id } = world.dice.pick(snapshots)!;
  const { notes } = await world.run((driver, context) => driver.snapshots!.revert(nativeId, id, context));
  world.tell(notes);
}

async function forget(world: World, { nativeId, snapshots }: DriverVm): Promise<void> {
  const { id } = world.dice.pick(snapshots)!;
  const input = { snapshot: id, children: world.dice.chance(0.3) };
  const { notes } = await world.run((driver, context) => driver.snapshots!.delete(nativeId, input, context));
  world.tell(notes);
}

async function rename(world: World, { nativeId }: DriverVm): Promise<void> {
  const name = world.name();
  const { notes } = await world.run((driver, context) => driver.reconfigure!.apply(nativeId, { name }, context));
  world.tell(notes);
}

async function grow(world: World, { nativeId, disks }: DriverVm): Promise<void> {
  const { device, sizeGiB } = world.dice.pick(disks)!;
  const input = { disks: [{ device, sizeGiB: Math.floor(sizeGiB ?? 1) + 1 }] };
  const { notes } = await world.run((driver, context) => driver.reconfigure!.apply(nativeId, input, context));
  world.tell(notes);
}

/** A blank one, one from an image, or one that was kept. */
async function addDisk(world: World, { nativeId }: DriverVm): Promise<string> {
  const { bench, dice, driver } = world;
  // Of the host there may be others, which are none of ours.
  const ours = (await bench.files()).filter(({ users }) => users.length === 0).map(({ path }) => path);
  const volumes = (await driver.volumes?.list(AbortSignal.timeout(60_000))) ?? [];
  const volume = dice.pick(volumes.filter(({ path }) => path !== undefined && ours.includes(path)));
  const made = dice.chance(0.5) ? { sizeGiB: 1 } : { image: bench.image };
  const disk = { copy: 'cow' as const, ...(volume && dice.chance(0.7) ? { volume: volume.id } : made) };
  await world.run((one, context) => one.reconfigure!.apply(nativeId, { addDisks: [disk] }, context));
  return JSON.stringify(disk);
}

async function takeDisk(world: World, { nativeId, disks }: DriverVm): Promise<string> {
  const { device } = world.dice.pick(disks)!;
  const removal = { device, keep: world.has('reconfigure.keepDisks') && world.dice.chance(0.5) };
  // It may stand on others, which stay for it.
  if (removal.keep) await world.keepFilesOf(nativeId);
  const { notes } = await world.run((driver, context) =>
    driver.reconfigure!.apply(nativeId, { removeDisks: [removal] }, context),
  );
  // What is not kept and stays, stays for others, and goes with the last of them; but for a VM that cannot be read now.
  if (removal.keep || world.odd) world.tell(notes);
  return JSON.stringify(removal);
}

async function makeByHand(world: World): Promise<string | undefined> {
  if (world.byHand.size > 0 || (await world.vms()).length >= mostMachines) return undefined;
  const taken = new Set((await world.bench.otherTool.see()).map(({ name }) => nameKey(name)));
  const name = world.name();
  // Other tools know no rule of ours about equal names.
  if (taken.has(nameKey(name))) return undefined;
  const nativeId = await world.bench.otherTool.make(name);
  world.byHand.add(nativeId);
  return `"${name}" (${nativeId})`;
}

async function renameByHand(world: World, { nativeId }: DriverVm): Promise<void> {
  const taken = new Set((await world.bench.otherTool.see()).map(({ name }) => nameKey(name)));
  const name = world.name();
  if (!taken.has(nameKey(name))) await world.bench.otherTool.rename(nativeId, name);
}

async function removeByHand(world: World, { nativeId }: DriverVm): Promise<void> {
  await world.bench.otherTool.remove(nativeId);
  world.byHand.delete(nativeId);
}

async function cloneByHand(world: World, { nativeId }: DriverVm): Promise<string | undefined> {
  const taken = new Set((await world.bench.otherTool.see()).map(({ name }) => nameKey(name)));
  const name = world.name();
  if (taken.has(nameKey(name))) return 'the name is taken';
  const made = await world.bench.otherTool.clone!(nativeId, name);
  if (made === undefined) return 'not by that tool';
  for (const id of [nativeId, made]) world.entangled.add(id);
  return `"${name}" (${made})`;
}

/** Booting takes longest, so VMs are seldom on; most of a life is about files. */
export function verbsOf(world: World): RandomVerb[] {
  const { driver } = world;
  const { suspend, clone: cloning, snapshots, reconfigure } = driver;
  const isByHand = ({ nativeId, state, snapshots: kept, disks }: DriverVm) =>
    world.byHand.has(nativeId) && state === 'stopped' && kept.length === 0 && disks.length === 0;
  const hasSnapshots = (vm: DriverVm) => vm.snapshots.length > 0;
  const verbs: (RandomVerb | undefined)[] = [
    { weight: 10, name: 'create', act: create },
    {
      weight: 8,
      name: 'delete',
      act: onOne(
        (vm) => isOff(vm) && hasDisks(vm),
        (_, vm) => remove(world, vm, 'delete'),
      ),
    },
    { weight: 1, name: 'delete whatever its state', act: onOne(any, (_, vm) => remove(world, vm, 'delete')) },
    { weight: 1, name: 'delete and keep disks', act: onOne(isOff, (_, vm) => remove(world, vm, 'keep')) },
    cloning && {
      weight: 8,
      name: 'clone',
      act: onOne((vm, all) => isOff(vm) && hasDisks(vm) && all.length < mostMachines, clone),
    },
    snapshots && { weight: 6, name: 'take a snapshot', act: onOne(any, snapshot) },
    snapshots && { weight: 3, name: 'revert', act: onOne(hasSnapshots, revert) },
    snapshots && { weight: 3, name: 'delete a snapshot', act: onOne(hasSnapshots, forget) },
    reconfigure && { weight: 4, name: 'rename', act: onOne(any, rename) },
    reconfigure && { weight: 2, name: 'grow a disk', act: onOne((vm) => isOff(vm) && hasDisks(vm), grow) },
    reconfigure && { weight: 3, name: 'add a disk', act: onOne(isOff, addDisk) },
    reconfigure && { weight: 3, name: 'take a disk away', act: onOne((vm) => isOff(vm) && hasDisks(vm), takeDisk) },
    {
      weight: 2,
      name: 'start',
      act: onOne(
        (vm) => !isOn(vm),
        (_, { nativeId }) => world.run((one, context) => one.start(nativeId, context)),
      ),
    },
    {
      weight: 3,
      name: 'stop by force',
      act: onOne(any, (_, { nativeId }) => world.run((one, context) => one.stop(nativeId, force, context))),
    },
    suspend && {
      weight: 1,
      name: 'suspend',
      act: onOne(isOn, (_, { nativeId }) => world.run((one, context) => one.suspend!.suspend(nativeId, context))),
    },
    { weight: 2, name: 'made by another tool', act: makeByHand },
    world.bench.otherTool.clone && {
      weight: 3,
      name: 'cloned by another tool',
      act: onOne((vm, all) => vm.state === 'stopped' && hasDisks(vm) && all.length < mostMachines, cloneByHand),
    },
    { weight: 2, name: 'renamed by another tool', act: onOne((vm) => vm.state === 'stopped', renameByHand) },
    { weight: 1, name: 'removed by another tool', act: onOne(isByHand, removeByHand) },
    {
      weight: 1,
      name: 'power cut by another tool',
      act: onOne(isOn, (_, { nativeId }) => world.bench.otherTool.powerOff(nativeId)),
    },
    { weight: 1, name: 'spoilt by another tool', act: spoil },
  ];
  return verbs.filter((verb) => verb !== undefined);
}
