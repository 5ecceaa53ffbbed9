import { randomInt } from 'node:crypto';
import { existsSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Dictionary } from '../dictionary/dictionary.ts';
import { chainOf } from '../disks/disk-chain.ts';
import { renewContentId } from '../disks/child-disk.ts';
import { initialProcesses } from '../guest/guest-processes.ts';
import { memoryOf, readCheckpoint, type GuestMemory } from './checkpoint-file.ts';
import { generateAddresses, locationUuid, renewIdentity } from './identity.ts';
import { LockFolder } from './lock-folder.ts';
import type { Machine } from './machine.ts';
import { pendingQuestion, reasonsNotToStart } from './power-on-checks.ts';
import { saveRun, VMX_PROGRAM, type Run } from './run.ts';
import { VmLog } from './vm-log.ts';

/** The VM did not power on; its log says why. */
export class PowerOnFailure extends Error {}

/** Powers the VM on as its own process: takes the locks, rewrites the configuration and begins the log. */
export function powerOn(machine: Machine, isHeadless: boolean): Run {
  const log = new VmLog(machine.folder);
  log.begin(process.pid, machine.knobs);
  log.write(`Command line: "${VMX_PROGRAM}" "${machine.shown}"`);
  const configuration = machine.configuration();
  const reasons = reasonsNotToStart(machine, configuration);
  if (reasons.length > 0) {
    for (const reason of reasons) log.write(`Msg_Post: Error ${reason}`);
    log.write("Module 'DevicePowerOn' power on failed. Failed to start the virtual machine.");
    throw new PowerOnFailure(reasons.join('; '));
  }
  takeLocks(machine, configuration);
  const question = pendingQuestion(machine, configuration);
  const run = newRun(machine, configuration, isHeadless);
  if (question !== undefined) {
    if (machine.knobs.questionLog === 'msg-question') log.write(`Msg_Question: ${question}`);
    run.isBlocked = true;
  } else {
    boot(machine, configuration, run, log);
  }
  saveRun(machine.session.registry, run);
  return run;
}

function newRun(machine: Machine, configuration: Dictionary, isHeadless: boolean): Run {
  const disconnected = configuration.keys().flatMap((key) => {
    const device = /^(.+)\.startConnected$/i.exec(key)?.[1];
    return device && !configuration.isTrue(key) ? device : [];
  });
  return {
    vmx: machine.vmx,
    shown: machine.shown,
    pid: process.pid,
    startedAt: machine.session.clock.now(),
    isHeadless,
    isPaused: false,
    isBlocked: false,
    processes: initialProcesses(configuration),
    nextProcessId: 1000,
    runtimeConfiguration: {},
    guestVariables: {},
    guestEnvironment: {},
    disconnectedDevices: disconnected,
  };
}

function boot(machine: Machine, configuration: Dictionary, run: Run, log: VmLog): void {
  const memory = resume(machine, configuration, log);
  if (memory) Object.assign(run, memory);
  scheduleGuest(machine, run, memory !== undefined);
  machine.edit((vmx) => {
    identify(machine, vmx);
    generateAddresses(vmx);
    assignSlots(vmx);
    vmx.set('checkpoint.vmState', '');
    vmx.set('cleanShutdown', 'FALSE');
    vmx.set('softPowerOff', 'FALSE');
    vmx.setMissing('vmxstats.filename', `${machine.name}.scoreboard`);
    vmx.setMissing('vmotion.checkpointFBSize', '4194304');
    vmx.setMissing('vmotion.checkpointSVGAPrimarySize', '4194304');
    vmx.setMissing('monitor.phys_bits_used', '45');
    vmx.setMissing('nvram', `${machine.name}.nvram`);
    vmx.setMissing('extendedConfigFile', `${machine.name}.vmxf`);
  });
  makeCompanions(machine);
  for (const disk of machine.diskPaths(configuration)) renewContentId(disk);
  log.write('VMX_PowerOn: ModuleTable_PowerOn = 1');
}

/** Times from which the guest has Tools and an address. */
export function scheduleGuest(machine: Machine, run: Run, isResumed: boolean): void {
  const { tools, toolsDelayMs, addressDelayMs, resumeDelayMs } = machine.knobs;
  const now = machine.session.clock.now();
  delete run.toolsAt;
  delete run.addressAt;
  if (tools === 'present' && toolsDelayMs >= 0) run.toolsAt = now + (isResumed ? resumeDelayMs : toolsDelayMs);
  if (addressDelayMs >= 0) run.addressAt = now + (isResumed ? resumeDelayMs : addressDelayMs);
}

/** Takes the guest's memory out of the suspend file, which is used up by that. */
function resume(machine: Machine, configuration: Dictionary, log: VmLog): GuestMemory | undefined {
  const suspendFile = machine.suspendFile(configuration);
  if (suspendFile === undefined) return undefined;
  const checkpoint = readCheckpoint(suspendFile);
  log.write(`Checkpoint_Unstunned: resumed from ${basename(suspendFile)}`);
  rmSync(suspendFile, { force: true });
  rmSync(suspendFile.replace(/\.vmss$/i, '.vmem'), { force: true });
  return checkpoint?.memory ?? memoryOf(newRun(machine, configuration, true));
}

/** A VM at a new place is a copy unless its configuration says it was moved. */
function identify(machine: Machine, vmx: Dictionary): void {
  const location = locationUuid(machine.shown);
  const isAtHome = vmx.get('uuid.location') === location;
  if (vmx.get('uuid.bios') === undefined) renewIdentity(vmx, location);
  else if (!isAtHome && vmx.get('uuid.location') === undefined) vmx.set('uuid.location', location);
  else if (!isAtHome && vmx.get('uuid.action')?.toLowerCase() === 'keep') vmx.set('uuid.location', location);
  else if (!isAtHome) renewIdentity(vmx, location);
}

function assignSlots(vmx: Dictionary): void {
  let slot = 16;
  for (const key of vmx.keys()) {
    const device = /^((?:scsi|sata|nvme|ethernet|vmci|pciBridge|usb|ehci|usb_xhci|sound)\d*)\.present$/i.exec(key)?.[1];
    if (!device || !vmx.isTrue(key)) continue;
    vmx.setMissing(`${device}.pciSlotNumber`, String(slot));
    slot += 16;
  }
}

function makeCompanions(machine: Machine): void {
  const configuration = machine.configuration();
  makeMissing(machine.file(configuration.get('nvram')!), Buffer.concat([Buffer.from('MRVN'), Buffer.alloc(8680)]));
  makeMissing(machine.file(configuration.get('extendedConfigFile')!), extendedConfiguration(machine));
  makeMissing(machine.companion('.vmsd'), Buffer.alloc(0));
  writeFileSync(machine.file(configuration.get('vmxstats.filename')!), Buffer.alloc(4096));
  const memoryFile = machine.companion('.vmem');
  writeFileSync(memoryFile, '');
  // Sparse: the guest's memory has its size and takes no room.
  truncateSync(memoryFile, (Number(configuration.get('memsize')) || 32) * 2 ** 20);
}

function makeMissing(path: string, content: Buffer | string): void {
  if (!existsSync(path) && statSync(dirname(path), { throwIfNoEntry: false })) writeFileSync(path, content);
}

function extendedConfiguration(machine: Machine): string {
  const member = `52 ${Array.from({ length: 7 }, () => randomInt(16, 256).toString(16)).join(' ')}`;
  return [
    '<?xml version="1.0"?>',
    '<Foundry>',
    '<VM>',
    `<VMId type="string">${member}</VMId>`,
    '<ClientMetaData>',
    '<clientMetaDataAttributes/>',
    '<HistoryEventList/></ClientMetaData>',
    `<vmxPathName type="string">${machine.name}.vmx</vmxPathName></VM></Foundry>`,
    '',
  ].join('\n');
}

function takeLocks(machine: Machine, configuration: Dictionary): void {
  const program = machine.session.paths.isWindows ? `${VMX_PROGRAM}.exe` : VMX_PROGRAM;
  const disks = machine.diskPaths(configuration).flatMap((disk) => chainOf(disk, machine.session.paths));
  const own = disks.filter((disk) => dirname(disk) === machine.folder);
  for (const file of [machine.vmx, machine.companion('.vmem'), ...own]) {
    new LockFolder(file).take(process.pid, program, machine.session.clock);
  }
}
