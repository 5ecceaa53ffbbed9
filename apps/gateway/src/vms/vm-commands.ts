import { Injectable } from '@nestjs/common';
import {
  CloneVm,
  cloneVm,
  CreateSnapshot,
  createSnapshot,
  CreateVm,
  createVm,
  DeleteSnapshot,
  deleteSnapshot,
  DeleteVm,
  deleteVm,
  hindranceTo,
  needsOf,
  ReconfigureVm,
  reconfigureVm,
  requireFits,
  requireUserData,
  RevertSnapshot,
  revertSnapshot,
  verdictOn,
  ProblemError,
  type CommandDefinition,
  type CommandOptions,
  type FeatureRef,
  type HostId,
  type NicInput,
  type Operation,
  type VmAction,
  type VmId,
  type VmRecord,
} from '@polyvirt/contracts';
import { Hosts } from '../hosts/hosts.ts';
import type { AnnotationChange } from '../inventory/annotations.ts';
import { Inventory } from '../inventory/inventory.ts';
import type { VmEntry } from '../inventory/vm-entry.ts';
import { Operations, vmBusy, type Author, type Kinship } from '../operations/operations.ts';
import {
  othersOf,
  requireDisksToGrow,
  requireFreeName,
  requireFreeSnapshotName,
  requireImages,
  requireInterfaces,
  requireNetworks,
  requireSnapshot,
  requireTemplate,
} from './vm-checks.ts';

/** Something to ask of a VM, as the table of actions knows it. */
export interface Request {
  readonly definition: CommandDefinition;
  readonly action: VmAction;
  readonly input: unknown;
}

/** Who asks, and how it is to be taken. */
export interface Asking extends Kinship {
  readonly author: Author;
  readonly options: CommandOptions;
  /** What the VM gets when it succeeds. */
  readonly annotation?: AnnotationChange;
}

/**
 * Checks what is asked against what is known, and hands it on. What memory cannot know the agent decides again. A VM
 * that already is as asked is still the agent's to say: the operation runs and ends with `changed: false`.
 */
@Injectable()
export class VmCommands {
  constructor(
    private readonly inventory: Inventory,
    private readonly hosts: Hosts,
    private readonly operations: Operations,
  ) {}

  async create(host: HostId, input: CreateVm, asking: Asking): Promise<Operation> {
    const record = this.hosts.require(host);
    this.hosts.requireTaking(host, asking.options.whenOffline);
    if (input.disks.some((disk) => disk.image !== undefined) || input.cdrom !== null || input.template !== undefined)
      this.hosts.requireCapability(host, 'images');
    if (input.nics.length > 0) this.hosts.requireCapability(host, 'networks');
    requireUserData(input.cloudInit, record.limits);
    requireFits(input, record);
    requireImages(record, input);
    requireTemplate(record, input);
    requireNetworks(record, input.nics, '/nics', othersOf(this.inventory.vms, host));
    this.requireAddressing(host, input.nics);
    const check = this.nameCheck(host, input.name);
    return this.operations.ask({
      ...asking,
      definition: createVm,
      host,
      input,
      locks: [{ host, name: input.name }],
      check,
      target: `${host}/${input.name}`,
    });
  }

  async request(vmId: VmId, request: Request, asking: Asking): Promise<Operation> {
    const entry = this.require(vmId, request.action, asking.options);
    return this.hand(entry, request, asking);
  }

  async delete(vmId: VmId, input: DeleteVm, asking: Asking): Promise<Operation> {
    const check = () => requireUnprotected(this.inventory.require(vmId));
    const entry = this.require(vmId, 'delete', asking.options, [], check);
    return this.hand(entry, { definition: deleteVm, action: 'delete', input }, asking);
  }

  async reconfigure(vmId: VmId, input: ReconfigureVm, asking: Asking): Promise<Operation> {
    const { host, snapshots } = this.inventory.require(vmId).record;
    const grows = (input.disks ?? []).length > 0 && snapshots.length > 0;
    const entry = this.require(vmId, 'reconfigure', asking.options, grows ? ['reconfigure.growWithSnapshots'] : []);
    const record = this.hosts.require(host);
    const { addNics = [], removeNics } = input;
    requireDisksToGrow(entry.record, input);
    requireInterfaces(entry.record, input);
    requireFits(input, record);
    requireNetworks(record, addNics, '/addNics', othersOf(this.inventory.vms, host, vmId, removeNics));
    this.requireAddressing(host, addNics);
    const request = { definition: reconfigureVm, action: 'reconfigure', input } as const;
    if (input.name === undefined || input.name === entry.record.name) return this.hand(entry, request, asking);
    return this.hand(entry, request, asking, { name: input.name, check: this.nameCheck(host, input.name, vmId) });
  }

  async clone(vmId: VmId, input: CloneVm, asking: Asking): Promise<Operation> {
    const entry = this.require(vmId, 'clone', asking.options, featuresOfClone(input));
    const { host } = entry.record;
    const { name, snapshot } = input;
    const at = snapshot === undefined ? {} : { snapshot: requireSnapshot(entry.record, snapshot) };
    const request = { definition: cloneVm, action: 'clone', input: { ...input, ...at } } as const;
    return this.hand(entry, request, asking, { name, check: this.nameCheck(host, name) });
  }

  async createSnapshot(vmId: VmId, input: CreateSnapshot, asking: Asking): Promise<Operation> {
    const features = featuresOfSnapshot(this.inventory.require(vmId).record, input);
    const entry = this.require(vmId, 'snapshot-create', asking.options, features);
    requireFreeSnapshotName(entry.record, input.name);
    return this.hand(entry, { definition: createSnapshot, action: 'snapshot-create', input }, asking);
  }

  async revertSnapshot(vmId: VmId, input: RevertSnapshot, asking: Asking): Promise<Operation> {
    const entry = this.require(vmId, 'snapshot-revert', asking.options);
    const snapshot = requireSnapshot(entry.record, input.snapshot);
    return this.hand(entry, { definition: revertSnapshot, action: 'snapshot-revert', input: { snapshot } }, asking);
  }

  async deleteSnapshot(vmId: VmId, input: DeleteSnapshot, asking: Asking): Promise<Operation> {
    const entry = this.require(vmId, 'snapshot-delete', asking.options);
    const snapshot = requireSnapshot(entry.record, input.snapshot);
    return this.hand(
      entry,
      { definition: deleteSnapshot, action: 'snapshot-delete', input: { ...input, snapshot } },
      asking,
    );
  }

  /**
   * The VM, if `action` can be asked of it now. Throws `vm-not-found`, `host-offline`, `capability-missing`, `vm-busy` or
   * `wrong-state`, in this order: what the host can never do is not a matter of state, and a busy VM is in between states.
   */
  require(
    vmId: VmId,
    action: VmAction,
    { whenOffline }: CommandOptions,
    features: readonly FeatureRef[] = [],
    check: () => void = () => undefined,
  ): VmEntry {
    const entry = this.inventory.require(vmId);
    const { host, name, state } = entry.record;
    this.hosts.requireTaking(host, whenOffline);
    const needs = needsOf(action);
    for (const ref of [...(needs === undefined ? [] : [needs]), ...features]) this.hosts.requireCapability(host, ref);
    const running = this.operations.active.on(vmId);
    if (running !== undefined && action !== 'console') throw vmBusy(vmId, running);
    check();
    const hindrance = hindranceTo(action, entry.record);
    if (hindrance) throw new ProblemError(hindrance.code, `"${name}": ${hindrance.reason}`);
    const verdict = verdictOn(action, state, this.hosts.get(host)?.capabilities);
    if (!verdict.allowed) throw wrongState(action, name, state, verdict.reason);
    return entry;
  }

  /** What no fault of an address says already: that the host has no fixed addresses, or none of this kind. */
  private requireAddressing(host: HostId, nics: readonly NicInput[]): void {
    const fixed = nics.filter(({ address }) => address !== 'auto');
    if (fixed.length > 0) this.hosts.requireCapability(host, 'networks.fixedAddresses');
    if (fixed.some(({ address }) => address.includes(':'))) this.hosts.requireCapability(host, 'networks.ipv6');
  }

  /** Throws `name-taken` at once, or when it is asked again. */
  private nameCheck(host: HostId, name: string, except?: VmId): () => void {
    const check = () => requireFreeName(this.inventory.vms, host, name, except);
    check();
    return check;
  }

  private hand(
    { id, record: { host } }: VmEntry,
    { definition, input }: Request,
    asking: Asking,
    naming?: { readonly name: string; readonly check: () => void },
  ): Promise<Operation> {
    return this.operations.ask({
      ...asking,
      definition,
      host,
      vmId: id,
      input,
      locks: [{ vm: id }, ...(naming ? [{ host, name: naming.name }] : [])],
      ...(naming && { check: naming.check }),
      target: id,
    });
  }
}

const featuresOfClone = ({ linked, snapshot }: CloneVm): FeatureRef[] => {
  if (!linked) return [];
  return snapshot === undefined ? ['clone.linked'] : ['clone.linked', 'clone.linkedOfSnapshot'];
};

/** Without a word about memory the host does what it can. */
function featuresOfSnapshot({ state, firmware }: VmRecord, { memory }: CreateSnapshot): FeatureRef[] {
  const isOn = state === 'running' || state === 'paused';
  return [
    ...(firmware === 'uefi' ? ['snapshots.uefi' as const] : []),
    ...(isOn && memory === true ? ['snapshots.memory' as const] : []),
    ...(isOn && memory === false ? ['snapshots.runningWithoutMemory' as const] : []),
  ];
}

/** How to say it, where the name of the action does not do. */
const phrases: Partial<Record<VmAction, string>> = {
  'stop-force': 'force a stop of',
  'restart-force': 'force a restart of',
  'snapshot-create': 'take a snapshot of',
  'snapshot-revert': 'revert',
  'snapshot-delete': 'delete a snapshot of',
  console: 'open a console of',
};

const wrongState = (action: VmAction, name: string, state: string, reason: string): ProblemError =>
  new ProblemError('wrong-state', `Cannot ${phrases[action] ?? action} "${name}": its state is ${state}. ${reason}`);

function requireUnprotected({ record: { name }, annotation }: VmEntry): void {
  if (!annotation.protected) return;
  throw new ProblemError('vm-protected', `"${name}" is protected. Set "protected" to false first, if you mean it.`);
}
