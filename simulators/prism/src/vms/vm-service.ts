import { newUuid } from '../identity.ts';
import type { RequestFacts } from '../knobs/fault-rules.ts';
import { objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { Change, TaskRecord, VmRecord } from '../state/records.ts';
import type { TaskEngine, TaskRequest } from '../tasks/task-engine.ts';
import { changesThatNeedPowerOff } from './hot-change.ts';
import { isSoft, needsTools, type PowerAction } from './power.ts';
import { Refusal, notFound } from './refusal.ts';
import { checkCategories, checkReferences, referencesOf } from './references.ts';
import { chosenCluster, newVm } from './vm-build.ts';
import { optional, scalarConfig } from './vm-defaults.ts';
import { guestHasTools, guestIsResponsive } from './vm-power.ts';
import { powerOffBy } from './vm-update.effect.ts';
import type { PartList } from './vm-part.effect.ts';

export interface Asker {
  readonly facts: RequestFacts;
  readonly userUuid: string;
  /** Entities made through v3 remember their tasks. */
  readonly origin: 'v3' | 'v4';
}

export interface VmMetadata {
  readonly categories?: Record<string, string[]>;
  readonly projectUuid?: string;
  readonly ownerUuid?: string;
}

export interface Versions {
  readonly entityVersion?: string;
  readonly specVersion?: number;
}

const POWER_TASKS: Readonly<
  Record<PowerAction, readonly [v3Type: string, v4Operation: string, v4Description: string]>
> = {
  on: ['power_on_vm', 'VmPowerOn', 'Power on VM'],
  off: ['power_off_vm', 'VmPowerOff', 'Power off VM'],
  acpiShutdown: ['acpi_shutdown_vm', 'VmAcpiShutdown', 'Shut down VM'],
  guestShutdown: ['guest_shutdown_vm', 'VmGuestShutdown', 'Shut down guest of VM'],
  acpiReboot: ['acpi_reboot_vm', 'VmAcpiReboot', 'Reboot VM'],
  guestReboot: ['guest_reboot_vm', 'VmGuestReboot', 'Reboot guest of VM'],
  reset: ['reset_vm', 'VmReset', 'Reset VM'],
  powerCycle: ['power_cycle_vm', 'VmPowerCycle', 'Power cycle VM'],
};

/** Takes requests about VMs, checks what can be checked at once, and starts the task that does the rest. */
export class VmService {
  constructor(
    private readonly site: Datacenter,
    private readonly tasks: TaskEngine,
  ) {}

  /** @throws Refusal `notFound`, also while a late entity is not yet to be seen. */
  find(uuid: string): VmRecord {
    const vm = this.site.store.get('vm', uuid);
    if (vm === undefined || vm.visibleAt > this.site.clock.now()) throw notFound('vm', uuid);
    return vm;
  }

  /** As `find`, for the API that does not show a VM before it is made. */
  findMade(uuid: string): VmRecord {
    const vm = this.find(uuid);
    if (vm.intent?.creating === true) throw notFound('vm', uuid);
    return vm;
  }

  create(
    spec: JsonObject,
    metadata: VmMetadata,
    uuid: string | undefined,
    lenientReferences: boolean,
    asker: Asker,
  ): { vm: VmRecord; task: TaskRecord } {
    if (uuid !== undefined && this.site.store.get('vm', uuid) !== undefined)
      throw new Refusal('exists', 'vm', uuid, `vm : ${uuid} already exists.`);
    if (!lenientReferences) checkReferences(this.site, referencesOf(spec));
    checkCategories(this.site, metadata.categories ?? {});
    const taskUuid = newUuid();
    const record: VmRecord = {
      ...newVm(this.site, {
        uuid: uuid ?? newUuid(),
        name: stringAt(spec, 'name') ?? '',
        ...optional('description', stringAt(spec, 'description')),
        clusterUuid: chosenCluster(this.site, spec),
        ...optional('projectUuid', metadata.projectUuid),
        ownerUuid: metadata.ownerUuid ?? asker.userUuid,
        categories: metadata.categories ?? {},
        taskUuids: asker.origin === 'v3' ? [taskUuid] : [],
        now: this.site.clock.now(),
      }),
      intent: { spec, creating: true },
    };
    const task = this.start(record, 'vm.create', ['create_vm_intentful', 'VmCreate', 'Create VM'], asker, {
      uuid: taskUuid,
      durationMs: this.site.time('latency.create'),
      changes: [['vm', record.uuid, record]],
    });
    return { vm: record, task };
  }

  update(
    uuid: string,
    spec: JsonObject,
    metadata: VmMetadata,
    versions: Versions,
    lenientReferences: boolean,
    asker: Asker,
  ): { vm: VmRecord; task: TaskRecord } {
    const vm = this.writable(uuid, versions);
    if (!lenientReferences) checkReferences(this.site, referencesOf(spec));
    checkCategories(this.site, metadata.categories ?? {});
    const cluster = stringAt(objectAt(spec, 'cluster_reference'), 'uuid');
    if (cluster !== undefined && cluster !== vm.clusterUuid)
      throw new Refusal('invalid', 'vm', uuid, 'The cluster of a VM cannot be changed.');
    const resources = objectAt(spec, 'resources');
    const wanted = stringAt(resources, 'power_state') ?? vm.power;
    if (this.site.knobs.get('v3.hotChange') === 'reject' && vm.power !== 'OFF' && wanted === 'ON')
      this.refuseHot(vm, resources);
    const taskUuid = newUuid();
    const record: VmRecord = {
      ...vm,
      state: 'PENDING',
      intent: { spec, creating: false },
      taskUuids: asker.origin === 'v3' ? [taskUuid] : vm.taskUuids,
    };
    const durationMs =
      wanted === 'OFF' && vm.power !== 'OFF'
        ? this.powerTime(vm, powerOffBy(resources))
        : this.site.time(wanted === vm.power ? 'latency.update' : 'latency.power');
    const task = this.start(vm, 'vm.update', ['update_vm_intentful', 'VmUpdate', 'Update VM'], asker, {
      uuid: taskUuid,
      durationMs,
      input: { spec, origin: asker.origin, ...metadata } as JsonObject,
      changes: [['vm', uuid, record]],
    });
    return { vm: record, task };
  }

  delete(uuid: string, asker: Asker): { vm: VmRecord; task: TaskRecord } {
    const vm = this.writable(uuid);
    const taskUuid = newUuid();
    const record: VmRecord = {
      ...vm,
      state: 'DELETE_PENDING',
      taskUuids: asker.origin === 'v3' ? [taskUuid] : vm.taskUuids,
    };
    const task = this.start(vm, 'vm.delete', ['delete_vm_intentful', 'VmDelete', 'Delete VM'], asker, {
      uuid: taskUuid,
      durationMs: this.site.time('latency.delete'),
      changes: [['vm', uuid, record]],
    });
    return { vm: record, task };
  }

  /** `taskUuid` makes the request idempotent: a task of that UUID which exists is the answer. */
  power(uuid: string, action: PowerAction, asker: Asker, taskUuid?: string): TaskRecord {
    const earlier = taskUuid === undefined ? undefined : this.site.store.get('task', taskUuid);
    if (earlier !== undefined) return earlier;
    const vm = this.writable(uuid);
    if (
      needsTools(action) &&
      this.site.knobs.get('power.guestWithoutTools') === 'reject' &&
      !guestHasTools(this.site, vm)
    )
      throw new Refusal('invalid', 'vm', uuid, 'Nutanix Guest Tools are not installed on the VM.');
    return this.start(vm, 'vm.power', POWER_TASKS[action], asker, {
      ...optional('uuid', taskUuid),
      durationMs: this.powerTime(vm, action),
      input: { action },
    });
  }

  /** Starts the copies of a VM; their UUIDs are the task's entities. */
  clone(uuid: string, override: JsonObject, options: CloneOptions, asker: Asker): TaskRecord {
    const vm = this.writable(uuid, options.versions);
    if (options.uuid !== undefined && this.site.store.get('vm', options.uuid) !== undefined)
      throw new Refusal('exists', 'vm', options.uuid, `vm : ${options.uuid} already exists.`);
    checkReferences(this.site, referencesOf({ resources: { nic_list: override['nic_list'] ?? [] } }));
    const copies = Array.from({ length: options.count ?? 1 }, () => newUuid());
    if (options.uuid !== undefined) copies[0] = options.uuid;
    return this.start(vm, 'vm.clone', ['clone_vm', 'VmClone', 'Clone VM'], asker, {
      durationMs: this.site.time('latency.clone'),
      input: { source: uuid, override, origin: asker.origin, firstSuffix: options.firstSuffix ?? 0 },
      entities: copies.map((copy) => ({ kind: 'vm', uuid: copy })),
    });
  }

  snapshot(uuid: string, wish: SnapshotWish, asker: Asker): TaskRecord {
    const vm = this.writable(uuid);
    const recoveryPoint = wish.uuid ?? newUuid();
    if (this.site.store.get('recoveryPoint', recoveryPoint) !== undefined)
      throw new Refusal(
        'exists',
        'vm_recovery_point',
        recoveryPoint,
        `vm_recovery_point : ${recoveryPoint} already exists.`,
      );
    return this.start(
      vm,
      'vm.snapshot',
      ['create_vm_recovery_point', 'VmRecoveryPointCreate', 'Create VM recovery point'],
      asker,
      {
        durationMs: this.site.time('latency.snapshot'),
        // The wish's own `uuid` is that of the recovery point, not of the VM.
        input: { ...(wish as JsonObject), uuid, recoveryPoint, origin: asker.origin },
        entities: [
          { kind: 'vm_recovery_point', uuid: recoveryPoint },
          { kind: 'vm', uuid },
        ],
      },
    );
  }

  revert(uuid: string, recoveryPoint: string, asker: Asker): TaskRecord {
    const vm = this.writable(uuid);
    const point = this.site.store.get('recoveryPoint', recoveryPoint);
    if (point === undefined) throw notFound('vm_recovery_point', recoveryPoint);
    if (point.vmUuid !== uuid)
      throw new Refusal('invalid', 'vm', uuid, `vm_recovery_point : ${recoveryPoint} does not belong to vm : ${uuid}.`);
    return this.start(vm, 'vm.revert', ['revert_vm', 'VmRevert', 'Revert VM'], asker, {
      durationMs: this.site.time('latency.snapshot'),
      input: { recoveryPoint },
    });
  }

  /** Adds, changes or removes one device. */
  changePart(uuid: string, change: PartChange, asker: Asker): TaskRecord {
    const vm = this.writable(uuid);
    return this.start(vm, 'vm.part', change.names, asker, {
      durationMs: this.site.time('latency.update'),
      input: { ...change, names: [...change.names] } as unknown as JsonObject,
    });
  }

  /** Every other action whose effect is registered under `operation`. */
  act(
    uuid: string,
    operation: string,
    names: readonly [string, string, string],
    input: JsonObject,
    asker: Asker,
  ): TaskRecord {
    const vm = this.writable(uuid);
    return this.start(vm, operation, names, asker, { durationMs: this.site.time('latency.other'), input });
  }

  private start(
    vm: VmRecord,
    operation: string,
    [v3Type, v4Operation, v4Description]: readonly [string, string, string],
    asker: Asker,
    wish: Pick<TaskRequest, 'durationMs'> &
      Partial<Pick<TaskRequest, 'uuid' | 'input' | 'entities'>> & { changes?: readonly Change[] },
  ): TaskRecord {
    return this.tasks.start(
      {
        operation,
        v3Type,
        v4Operation,
        v4Description,
        entities: wish.entities ?? [{ kind: 'vm', uuid: vm.uuid }],
        clusterUuid: vm.clusterUuid,
        locks: [vm.uuid],
        input: { uuid: vm.uuid, ...wish.input },
        durationMs: wish.durationMs,
        ...optional('uuid', wish.uuid),
      },
      wish.changes ?? [],
      asker.facts,
    );
  }

  /** @throws Refusal `notFound`, `busy` or `stale`. */
  private writable(uuid: string, versions: Versions = {}): VmRecord {
    const vm = this.find(uuid);
    const { knobs } = this.site;
    if (knobs.get('v3.busyVm') === 'reject' && this.tasks.holderOf(uuid) !== undefined)
      throw new Refusal('busy', 'vm', uuid, 'Another operation is in progress on the entity.');
    const bySpec = knobs.get('v3.vmVersioning') === 'spec_version';
    const staleEntity =
      !bySpec &&
      knobs.get('v3.vmEntityVersionCheck') &&
      versions.entityVersion !== undefined &&
      versions.entityVersion !== String(vm.entityVersion);
    const shownSpecVersion = bySpec ? vm.specVersion : 0;
    const staleSpec =
      knobs.get('v3.vmSpecVersionCheck') === 'strict' &&
      versions.specVersion !== undefined &&
      versions.specVersion !== shownSpecVersion;
    if (staleEntity || staleSpec) throw new Refusal('stale', 'vm', uuid, 'Edit conflict: please retry change.');
    return vm;
  }

  private powerTime(vm: VmRecord, action: PowerAction): number {
    const waits = this.site.knobs.get('power.softTask') === 'waits' && isSoft(action) && vm.power !== 'OFF';
    return this.site.time(waits && !guestIsResponsive(this.site, vm) ? 'latency.softPowerTimeout' : 'latency.power');
  }

  private refuseHot(vm: VmRecord, resources: JsonObject): void {
    const fields = changesThatNeedPowerOff(vm.config, { ...vm.config, ...scalarConfig(resources) });
    if (fields.length > 0)
      throw new Refusal('invalid', 'vm', vm.uuid, `VM must be powered off to change ${fields.join(', ')}`);
  }
}

export interface CloneOptions {
  readonly uuid?: string;
  readonly versions?: Versions;
  readonly count?: number;
  readonly firstSuffix?: number;
}

export interface SnapshotWish {
  readonly uuid?: string;
  readonly name?: string;
  readonly type?: string;
  readonly expiresAt?: number;
  readonly agnosticUuid?: string;
  readonly groupUuid?: string;
}

export interface PartChange {
  readonly names: readonly [v3Type: string, v4Operation: string, v4Description: string];
  readonly list: PartList;
  readonly edit: 'add' | 'change' | 'remove';
  /** The device to remove, or the one that the task names as changed. */
  readonly part?: string;
  /** The device to add. */
  readonly spec?: JsonObject;
  /** What to change of which device. */
  readonly changes?: readonly { readonly part: string; readonly spec: JsonObject }[];
  readonly entityKind: string;
}
