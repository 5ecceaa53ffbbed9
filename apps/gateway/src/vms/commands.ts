import { Injectable } from '@nestjs/common';
import { ask, Bus, isUnknownQuery } from '@polyvirt/bus';
import {
  commandOfVerb,
  createImage,
  deleteVm,
  isAlready,
  isOn,
  lackOf,
  makesRoom,
  needsOf,
  overcommitWarnings,
  parseVmId,
  planFrom,
  planVm,
  ProblemError,
  stopVm,
  suspendVm,
  requireCapabilities,
  requireStorage,
  userDataNotes,
  type CloudInit,
  type CommandDefinition,
  type CommandOptions,
  type HostId,
  type Operation,
  type OperationId,
  type Plan,
  type PlanChange,
  type PlanWarning,
  type ProblemCode,
  type VmAction,
  type VmId,
} from '@polyvirt/contracts';
import { isDeepStrictEqual } from 'node:util';
import { uuidV7 } from '../database/uuid-v7.ts';
import { FreeSpace } from '../health/free-space.ts';
import { HouseClock } from '../house-clock.ts';
import { Hosts } from '../hosts/hosts.ts';
import { etagOf, requireMatch } from '../http/etag.ts';
import type { AnnotationChange } from '../inventory/annotations.ts';
import { Inventory } from '../inventory/inventory.ts';
import type { VmEntry } from '../inventory/vm-entry.ts';
import { beginBefore } from '../operations/begin-before.ts';
import type { Lock } from '../operations/operation-locks.ts';
import { OperationEndings } from '../operations/operation-endings.ts';
import { Operations, vmBusy, type Author, type Kinship } from '../operations/operations.ts';
import { Uploads } from '../uploads/uploads.ts';
import { memoryChecks, requireFreeName } from './memory-checks.ts';

/** What a command is asked of: a VM, or the host that is to have a new one. */
export type Subject = { readonly vmId: VmId } | { readonly host: HostId };

/** What is asked for: what goes to the agent, and what the control plane keeps of the VM when that has succeeded. */
export interface Wanted {
  readonly input: unknown;
  readonly annotation?: AnnotationChange | undefined;
}

/** Who asks, and how it is to be taken. */
export interface Asking extends Kinship {
  readonly author: Author;
  readonly options: CommandOptions;
  /** The VM must still be as one of these ETags says. */
  readonly ifMatch?: string | undefined;
  /** Hosts that were silent before, when many VMs are planned at once: they are not waited for again. */
  readonly silentHosts?: Set<HostId>;
}

/** A command that memory has nothing against. */
interface Prepared extends Wanted {
  readonly definition: CommandDefinition;
  readonly host: HostId;
  readonly entry: VmEntry | undefined;
  readonly isAlready: boolean;
  readonly locks: readonly Lock[];
  /** Throws what may have come to be since; asked again under the locks. */
  readonly check?: (() => void) | undefined;
}

/** The host says nothing, so nobody but the operation can find out. */
const silences: readonly ProblemCode[] = ['host-offline', 'timed-out', 'unavailable', 'internal'];

const olderAgent = (host: HostId): PlanWarning => ({
  code: 'agent-older',
  detail: `The agent of host ${host} is older than this gateway and plans nothing, so the host may still refuse. Update the agent.`,
});

/** The parts of what a request has said, which the schema of the command has accepted. */
export function wantedOf({ input, optionFields }: CommandDefinition, params: Record<string, unknown>): Wanted {
  const pick = (names: readonly string[]) =>
    Object.fromEntries(names.filter((name) => params[name] !== undefined).map((name) => [name, params[name]]));
  const { shape } = input as unknown as { shape: object };
  const annotation = pick(optionFields) as AnnotationChange;
  return {
    input: pick(Object.keys(shape)),
    ...(Object.keys(annotation).length > 0 && { annotation }),
  };
}

/**
 * The one way in which a command is asked for or planned, whoever asks: a route, a batch, a retry. What memory knows is
 * decided here, what only the host knows is asked of its agent, and what is left the operation finds out. A VM that already
 * is as asked is still the agent's to say: the operation runs and ends with `changed: false`.
 */
@Injectable()
export class Commands {
  constructor(
    private readonly clock: HouseClock,
    private readonly bus: Bus,
    private readonly inventory: Inventory,
    private readonly hosts: Hosts,
    private readonly operations: Operations,
    private readonly endings: OperationEndings,
    private readonly space: FreeSpace,
    private readonly uploads: Uploads,
  ) {
    operations.ends.onEnd((operation) => uploads.ended(operation));
  }

  async ask(definition: CommandDefinition, subject: Subject, wanted: Wanted, asking: Asking): Promise<Operation> {
    const { ifMatch: _, silentHosts: __, ...rest } = asking;
    const making = this.makingOf(definition, subject, wanted);
    if (making !== undefined) return this.endings.cancel(making, asking.author);
    const own = this.ownChange(definition, subject, wanted);
    if (own) return this.annotate(own, asking);
    const prepared = this.prepare(definition, subject, wanted, asking);
    const { host, entry, input, annotation, locks, check } = prepared;
    const uploaded = await this.requireUpload(prepared, asking);
    if (definition.asksHost && !prepared.isAlready) await this.askHost(prepared, asking);
    const { name, volume, image } = input as { name?: string; volume?: string; image?: string };
    const id = rest.id ?? (uploaded && uuidV7());
    const send = (sent: unknown) =>
      this.operations.ask({
        ...rest,
        ...(id !== undefined && { id }),
        definition,
        host,
        ...(entry && { vmId: entry.id }),
        input: sent,
        ...(annotation && { annotation }),
        locks,
        ...(check && { check }),
        target: 'vmId' in subject ? subject.vmId : `${host}/${name ?? volume ?? image}`,
      });
    return uploaded === undefined ? send(input) : this.uploads.lend(id!, uploaded, send);
  }

  /** What the same request would do. Throws what it would be refused with. */
  async plan(definition: CommandDefinition, subject: Subject, wanted: Wanted, asking: Asking): Promise<Plan> {
    const own = this.ownChange(definition, subject, wanted);
    if (own) {
      requireMatch(asking.ifMatch, own.entry.etag);
      return planFrom({ changes: annotationChanges(own.entry, own.annotation) }, {});
    }
    const prepared = this.prepare(definition, subject, wanted, asking);
    const { host, entry, input, annotation } = prepared;
    await this.requireUpload(prepared, asking);
    const capabilities = this.hosts.require(host).capabilities;
    const known = { vm: entry?.record, capabilities };
    const told = await this.askHost(prepared, asking);
    const plan =
      typeof told === 'object'
        ? told
        : planFrom(prepared.isAlready ? { changes: [] } : definition.outline(input, known), {}, true);
    return {
      ...plan,
      changes: [
        ...plan.changes,
        ...(annotation ? annotationChanges(definition.makes ? undefined : entry, annotation) : []),
      ],
      warnings: [
        ...plan.warnings,
        ...this.warningsOf(prepared, plan),
        ...(told === 'agent-older' ? [olderAgent(host)] : []),
      ],
    };
  }

  /**
   * The VM, if `action` can be asked of it now. Throws `vm-not-found`, `host-offline`, `capability-missing` or `wrong-state`,
   * in this order: what the host can never do is not a matter of state.
   */
  requireAction(vmId: VmId, action: VmAction): VmEntry {
    const entry = this.inventory.require(vmId);
    const { host } = entry.record;
    this.hosts.requireTaking(host, 'fail', { evenDrained: true });
    const needs = needsOf(action);
    const capabilities = this.hosts.get(host)?.capabilities;
    const lack = needs !== undefined && capabilities ? lackOf(capabilities, needs) : undefined;
    if (lack !== undefined) throw new ProblemError('capability-missing', lack);
    isAlready(action, entry.record, capabilities);
    return entry;
  }

  /**
   * What memory has against it. Throws `vm-not-found`, `stale-revision`, `host-offline`, `capability-missing`, `vm-busy`,
   * `vm-protected`, `wrong-state` and what the checks of the command throw, in this order: a busy VM is in between states.
   */
  private prepare(definition: CommandDefinition, subject: Subject, wanted: Wanted, asking: Asking): Prepared {
    const entry = 'vmId' in subject ? this.inventory.require(subject.vmId) : undefined;
    const host = 'vmId' in subject ? parseVmId(subject.vmId).host : subject.host;
    const record = entry ? this.hosts.get(host) : this.hosts.require(host);
    if (entry) requireMatch(asking.ifMatch, entry.etag);
    beginBefore(asking.options, this.clock.now());
    // Whoever makes room is not kept from it.
    if (!makesRoom(definition)) this.space.requireRoom();
    const evenDrained = makesRoom(definition) || definition.verb === suspendVm.verb;
    this.hosts.requireTaking(host, asking.options.whenOffline, { evenDrained });
    if (record && !makesRoom(definition)) requireStorage(record);
    const capabilities = record?.capabilities;
    if (capabilities) requireCapabilities(definition, wanted.input, { vm: entry?.record, capabilities });
    if (!entry) return this.checked({ ...wanted, definition, host, entry, isAlready: false, locks: [] });

    const running = this.operations.active.on(entry.id);
    const cuts = running !== undefined && this.mayCut(definition, wanted, running);
    if (running !== undefined && !cuts) throw vmBusy(entry.id, running);
    if (definition.problems.includes('vm-protected')) requireUnprotected(entry);
    const action = definition.actionOf(wanted.input);
    const isSo = action !== undefined && isAlready(action, entry.record, capabilities);
    const input = definition.resolve(wanted.input, entry.record);
    definition.check(input, entry.record);
    const prepared = this.checked({ ...wanted, input, definition, host, entry, isAlready: isSo, locks: [] });
    // What runs has the lock, and keeps it until what it did is taken back.
    return cuts ? { ...prepared, locks: [] } : prepared;
  }

  /** What is still making the VM that is to be stopped by force: to end that is all there is to do. */
  private makingOf({ verb }: CommandDefinition, subject: Subject, { input }: Wanted): OperationId | undefined {
    if (!('vmId' in subject) || !isByForce(verb, input) || this.inventory.vms.get(subject.vmId)) return undefined;
    const { host, nativeId } = parseVmId(subject.vmId);
    // Where the VM gets its id from the operation, a client may know it before there is a record.
    const running = this.operations.active.get(nativeId);
    return running?.host === host && commandOfVerb(running.verb)?.makes ? running.id : undefined;
  }

  /** A stop by force ends what runs on the VM, unless that deletes it or stops it by force as well. */
  private mayCut({ verb }: CommandDefinition, { input }: Wanted, running: OperationId): boolean {
    const { verb: busyWith } = this.operations.active.get(running) ?? {};
    return isByForce(verb, input) && busyWith !== deleteVm.verb && busyWith !== stopVm.verb;
  }

  /** What other VMs and the host have against it, with the locks that keep them from changing their mind. */
  private checked(prepared: Prepared): Prepared {
    const { definition, host, entry, input, annotation } = prepared;
    const record = this.hosts.get(host);
    if (record) memoryChecks(definition, input, { host: record, entry, vms: this.inventory.vms });
    const { name } = input as { name?: string };
    const isNamed =
      definition.locks.includes('name') && name !== undefined && (definition.makes || name !== entry?.record.name);
    const check = () => {
      if (isNamed) requireFreeName(this.inventory.vms, host, name, definition.makes ? undefined : entry?.id);
    };
    check();
    return {
      ...prepared,
      locks: [
        ...(entry && definition.locks.includes('vm') ? [{ vm: entry.id }] : []),
        ...(isNamed ? [{ host, name }] : []),
      ],
      ...(isNamed && { check }),
      // A new VM has no labels, no notes and no protection anyway.
      annotation:
        !definition.makes || (annotation && annotationChanges(undefined, annotation).length > 0)
          ? annotation
          : undefined,
    };
  }

  /**
   * The plan of the agent. Throws the problem that it foresees; undefined when it is silent. An agent of an earlier release,
   * which plans nothing, stands in nobody's way.
   */
  private async askHost(
    { definition, host, entry, input }: Prepared,
    { author, silentHosts }: Asking,
  ): Promise<Plan | 'agent-older' | undefined> {
    if (this.hosts.stateOf(host) === 'offline' || silentHosts?.has(host) === true) return undefined;
    const question = {
      verb: definition.verb,
      ...(entry && { nativeId: entry.record.nativeId }),
      input,
    };
    try {
      return await ask(this.bus, planVm, host, question, { requestId: author.requestId });
    } catch (error) {
      if (isUnknownQuery(error, planVm)) return 'agent-older';
      if (!(error instanceof ProblemError && silences.includes(error.code))) throw error;
      silentHosts?.add(host);
      return undefined;
    }
  }

  /** The input of a command that makes an image of an upload. Throws what is wrong with the upload. */
  private async requireUpload({ definition, input }: Prepared, { author }: Asking) {
    if (definition.verb !== createImage.verb) return undefined;
    const wanted = createImage.input.parse(input);
    if (wanted.upload === undefined) return undefined;
    await this.uploads.requireWhole(wanted.upload, author.userId ?? '');
    return { ...wanted, upload: wanted.upload };
  }

  private warningsOf({ definition, host, entry, input }: Prepared, { changes }: Plan): PlanWarning[] {
    const record = this.hosts.get(host);
    if (!record) return [];
    const { cloudInit } = input as { cloudInit?: CloudInit };
    // As it will be: with what changes, and on if it is turned on.
    const after: Record<string, unknown> = { ...entry?.record };
    for (const { pointer, to } of changes)
      if (pointer === '') Object.assign(after, to);
      else if (/^\/\w+$/.test(pointer)) after[pointer.slice(1)] = to;
    const others = [...this.inventory.vms.of(host)].filter((vm) => vm.id !== entry?.id || definition.makes);
    const mayPromiseMore = changes.some(({ pointer }) => ['', '/state', '/cpus', '/memoryMiB'].includes(pointer));
    const isRunning = mayPromiseMore && isOn(after as { state: 'running' });
    return [
      ...userDataNotes(cloudInit).map((detail) => ({ code: 'user-data', detail, pointer: '/cloudInit/userData' })),
      ...(isRunning ? overcommitWarnings([...others.filter(isOn), after], record) : []),
    ];
  }

  /** What is the control plane's alone, and needs no agent. Throws `invalid-input` if nothing is asked for at all. */
  private ownChange(
    { isOfVm, optionFields }: CommandDefinition,
    subject: Subject,
    { input, annotation }: Wanted,
  ): { entry: VmEntry; annotation: AnnotationChange } | undefined {
    if (!isOfVm || !('vmId' in subject) || optionFields.length === 0) return undefined;
    if (Object.values(input as object).some((value) => value !== undefined)) return undefined;
    const entry = this.inventory.require(subject.vmId);
    this.space.requireRoom();
    if (annotation) return { entry, annotation };
    throw new ProblemError('invalid-input', 'There is nothing to change. Name at least one field of the VM.', {
      errors: [{ pointer: '', detail: 'Nothing to change.' }],
    });
  }

  private annotate(
    { entry, annotation }: { entry: VmEntry; annotation: AnnotationChange },
    { author, options: _, ifMatch, silentHosts: __, ...kinship }: Asking,
  ): Promise<Operation> {
    requireMatch(ifMatch, entry.etag);
    const check = ({ version }: { version: number }) => requireMatch(ifMatch, etagOf(entry.revision, version));
    return this.operations.annotate(entry.id, annotation, author, check, kinship);
  }
}

const isByForce = (verb: string, input: unknown): boolean =>
  verb === stopVm.verb && (input as { force?: boolean }).force === true;

/** Only what differs from what the VM has, or a new one would have. */
function annotationChanges(entry: VmEntry | undefined, annotation: AnnotationChange): PlanChange[] {
  const none = { labels: {}, notes: '', protected: false };
  return (['labels', 'notes', 'protected'] as const).flatMap((field) => {
    const [from, to] = [entry?.annotation[field] ?? none[field], annotation[field]];
    if (to === undefined || isDeepStrictEqual(from, to)) return [];
    return [{ pointer: `/${field}`, ...(entry && { from }), to, when: 'now' as const }];
  });
}

function requireUnprotected({ record: { name }, annotation }: VmEntry): void {
  if (!annotation.protected) return;
  throw new ProblemError('vm-protected', `"${name}" is protected. Set "protected" to false first, if you mean it.`);
}
