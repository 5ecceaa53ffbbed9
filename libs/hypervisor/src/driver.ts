import type { Duplex, Readable } from 'node:stream';
import type {
  CloneVm,
  CreateSnapshot,
  CreateVm,
  DeleteImage,
  DeleteVm,
  DriverMetrics,
  DriverVm,
  Guest,
  HardwareChange,
  HostStatus,
  Hypervisor,
  Image,
  NativeDefinition,
  NativeId,
  Network,
  OperationId,
  StopVm,
  Template,
  Volume,
} from '@polyvirt/contracts';
import type { Plans } from './plan.ts';

/** Whether the hypervisor had to do anything. Asking for what already is changes nothing, and succeeds. */
export type Effect = 'changed' | 'unchanged';

/** A value that survives in the journal. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * What a command runs in. A process may die at any point of a driver method; the method is then called again with the
 * same input and a journal that knows the steps which ended. So every step looks before it acts.
 */
export interface OperationContext {
  /** Native ids are derived from it where the hypervisor lets us choose them. */
  readonly operationId: OperationId;
  /** Aborts on cancel, at the deadline of the verb and when the agent shuts down; its reason is a `ProblemError` to throw. */
  readonly signal: AbortSignal;
  /** Percent of the whole, 0 to 100; may be called as often as the driver likes. */
  progress(percent: number): void;
  readonly journal: Journal;
}

export interface Step<Result extends Json | void> {
  /** Sentence fragment shown to the user: `define the domain`. Unique within the operation. */
  readonly name: string;
  /** The call made to the hypervisor, without secrets: `domain_define_xml_flags`. */
  readonly native?: string;
  /**
   * Looks, then acts: it may have been carried out in part by a process that died. `isRepeat` says that one began it, so that
   * what it asked for may still be under way.
   */
  act(isRepeat: boolean): Promise<Result>;
  /**
   * Of an act that leaves nothing to look at and must not come about twice: a button that is pressed. A repeat that finds it
   * begun takes it for done, and the operation says so. It answers nothing.
   */
  readonly once?: true;
  /**
   * Takes back what `act` made, also when `act` ended half-way. Looks, then acts, too. It heeds its own signal only: that
   * of the operation has aborted when the operation was cancelled.
   */
  undo?(signal: AbortSignal): Promise<void>;
}

export interface Journal {
  /**
   * Carries a step out once, however often the command is delivered: a step that has ended answers with the result it had.
   * Throws the signal's reason before a step when the operation was cancelled. When the method throws, the undos of all
   * steps that have begun run in reverse, up to the first that fails: what is left stands on what came before it. One that
   * fails with `host-offline` is tried again for some minutes. A repeat of the method must come by the same steps, so what it
   * decides by the state of the host (is the name free, which disks are there) is decided in a step, and its result kept.
   */
  step<Result extends Json | void>(step: Step<Result>): Promise<Result>;
}

/**
 * One hypervisor. A driver knows its hypervisor and nothing else: no bus, no database, no configuration file.
 *
 * Every method but `probe` throws `ProblemError`; anything else that escapes is a bug and becomes `internal`.
 * An unknown native id is `vm-not-found` everywhere. Commands are idempotent and return what they changed.
 */
export interface HypervisorDriver {
  readonly hypervisor: Hypervisor;
  /** Whether a simulator stands in for the product. */
  readonly simulated: boolean;

  /** Never throws: an unusable host is `unhealthy` or `undetected`, with a sentence for the operator. */
  probe(signal: AbortSignal): Promise<HostStatus>;
  /**
   * The whole inventory. This, not the change stream, is what the host is reconciled against. One VM that cannot be read is
   * listed as unreadable and stops nothing else; one that vanishes while the list is made is left out.
   */
  list(signal: AbortSignal): Promise<ListedVm[]>;
  /** Throws `host-rejected` or `timed-out`, with the sentence that `list` has, if the VM is there and cannot be read. */
  get(nativeId: NativeId, signal: AbortSignal): Promise<DriverVm>;

  /** Makes a VM, powered on if the input says so. A name in use on the host is `name-taken`; failure leaves nothing behind. */
  create(input: CreateVm, context: OperationContext): Promise<Made>;
  /** Deletes a VM that is off, else `wrong-state`. Disks another VM uses are kept and noted. Of a VM
   * that is gone it throws `vm-not-found`, unless the journal shows that this operation has deleted it. */
  delete(nativeId: NativeId, input: DeleteVm, context: OperationContext): Promise<Outcome>;
  /** Resolves once the hypervisor reports the VM on; a suspended VM goes on where it was. */
  start(nativeId: NativeId, context: OperationContext): Promise<Effect>;
  /** Power off. Graceful never escalates: on timeout the VM stays on and `timed-out` is thrown. */
  stop(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect>;
  /** Shutdown, then power-on; the same rule on timeout. Of a VM that is off: `wrong-state`. */
  restart(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect>;
  /** The reset button. Of a VM that is off: `wrong-state`. */
  reset(nativeId: NativeId, context: OperationContext): Promise<Effect>;
  /** Lets go of the hypervisor; the driver is not used afterwards. */
  close(): Promise<void>;

  /**
   * Plans by verb, beside the acts and with the same checks. A plan changes nothing, throws the problem that the act would
   * end with for a reason that can be known beforehand, and answers only what it knows better than `planOf`, which derives
   * the rest from the record of the VM and the capabilities. It has less than two seconds.
   */
  readonly plans: Plans;

  // A facet is present exactly when `probe` reports the capability of its name as available.
  readonly suspend?: SuspendFacet;
  readonly reconfigure?: ReconfigureFacet;
  readonly clone?: CloneFacet;
  readonly snapshots?: SnapshotFacet;
  readonly metrics?: MetricsFacet;
  readonly watch?: WatchFacet;
  readonly console?: ConsoleFacet;
  readonly images?: ImageFacet;
  readonly volumes?: VolumeFacet;
  readonly networks?: NetworkFacet;
  readonly guest?: GuestFacet;
  readonly export?: ExportFacet;
}

/** A VM that is on the host and cannot be read now. What is known of it from before stays shown. */
export interface UnreadableVm {
  readonly nativeId: NativeId;
  readonly name?: string;
  /** A sentence: what could not be read, and what would help. */
  readonly unreadable: string;
}

export type ListedVm = DriverVm | UnreadableVm;

/** Whether a listed VM could be read. */
export const isReadable = (vm: ListedVm): vm is DriverVm => 'state' in vm;

export interface Made {
  readonly nativeId: NativeId;
  readonly effect: Effect;
  /** What the caller should know, as in `Outcome`. */
  readonly notes?: readonly string[];
}

export interface Outcome {
  readonly effect: Effect;
  /** What the caller should know: `kept vda: it is the base of the disks of web-2`. */
  readonly notes?: readonly string[];
}

export interface SuspendFacet {
  /** Memory to disk, VM off. Already suspended: `unchanged`. */
  suspend(nativeId: NativeId, context: OperationContext): Promise<Effect>;
  /** From paused or suspended to running. Already running: `unchanged`. */
  resume(nativeId: NativeId, context: OperationContext): Promise<Effect>;
  /** Freeze, memory stays on the host. Already paused: `unchanged`. */
  pause(nativeId: NativeId, context: OperationContext): Promise<Effect>;
}

export interface ReconfigureFacet {
  /**
   * Changes only what `input` names, all of it or nothing, live where possible; what a running VM cannot take applies at the
   * next power-off and is in its record until then, as `pendingChanges` with values. A disk that would shrink is `invalid-input`.
   * A volume that a VM needs is neither attached (`volume-in-use`) nor deleted: it is kept, and noted. What can only be refused is
   * refused before the first change, and each step has an undo if there is a way back.
   */
  apply(nativeId: NativeId, input: HardwareChange, context: OperationContext): Promise<Outcome>;
  /** Withdraws everything that waits for the next power-off. Nothing that waits: `unchanged`. Present as the feature `dropPending`. */
  drop?(nativeId: NativeId, context: OperationContext): Promise<Effect>;
}

export interface CloneFacet {
  /**
   * Makes a copy that can run beside its source. Whatever names something on the host (files, sockets, ports, addresses,
   * UUIDs) is made anew, or left out and noted. Throws `wrong-state` if the source is not off.
   */
  clone(nativeId: NativeId, input: CloneVm, context: OperationContext): Promise<Made>;
}

export interface SnapshotFacet {
  /** Returns the id of the snapshot. A name in use on the VM is `name-taken`. */
  create(
    nativeId: NativeId,
    input: CreateSnapshot,
    context: OperationContext,
  ): Promise<{ snapshot: string; effect: Effect; notes?: readonly string[] }>;
  /** Notes the disks that the VM has no more and that stay on the host. */
  revert(nativeId: NativeId, snapshot: string, context: OperationContext): Promise<Outcome>;
  /** A snapshot that is gone already is `unchanged`. Notes the disks that it alone held and that stay on the host. */
  delete(
    nativeId: NativeId,
    input: { snapshot: string; children: boolean },
    context: OperationContext,
  ): Promise<Outcome>;
}

export interface MetricsFacet {
  /** Every VM in one go, by as few calls as the hypervisor allows. What is not known is absent. */
  sweep(signal: AbortSignal): Promise<DriverMetrics[]>;
}

/** Something changed: one VM, or so much (or unknown what) that the host is to be listed again. */
export type Change = { readonly nativeId: NativeId } | 'everything';

export interface WatchFacet {
  /** Yields until the signal aborts. A lost connection is mended inside, and yields `everything` afterwards. */
  changes(signal: AbortSignal): AsyncIterable<Change>;
}

/** Each console is a byte stream. Once it is open, the signal has no more to say. Of a VM that is off: `wrong-state`. */
export interface ConsoleFacet {
  /** The screen, as RFB. Present as the feature `graphic`. */
  graphic?(nativeId: NativeId, signal: AbortSignal): Promise<Duplex>;
  /**
   * The terminal at the serial port. It has one viewer: opening it takes it over, and the stream of whoever had it ends, as it
   * does with the VM. Throws `host-rejected` if the VM has no such port. Present as the feature `text`.
   */
  text?(nativeId: NativeId, signal: AbortSignal): Promise<Duplex>;
}

export interface ImageFacet {
  list(signal: AbortSignal): Promise<Image[]>;
  /** VMs that `template` of a create body can name. */
  templates(signal: AbortSignal): Promise<Template[]>;
  /** Yields when images may have come, gone or changed, until the signal aborts. Without it they are listed on a beat. */
  changes?(signal: AbortSignal): AsyncIterable<void>;
  /**
   * Makes an image of what the source has, checked and whole, or leaves nothing. A name in use is `name-taken`; a content that
   * the host can make no image of, or another checksum than the one asked for, is `invalid-input`. Memory does not grow with
   * it, and a repeat continues where the process that died has stopped, if the source can. Present as the feature `fromUrl`.
   */
  create?(image: NewImage, context: OperationContext): Promise<Outcome>;
  /**
   * Throws `image-not-found`, `image-in-use` if a VM needs it, or `name-ambiguous` if the name alone does not say which.
   * Present as the feature `delete`.
   */
  delete?(image: DeleteImage, context: OperationContext): Promise<Effect>;
}

export interface NewImage {
  readonly name: string;
  readonly source: ImageSource;
}

/** Where the content of a new image comes from. Whoever gives it has decided that it may be read. */
export interface ImageSource {
  /** For people, without secrets: `https://example.org/debian.iso`. */
  readonly label: string;
  /** SHA-256 that the content must have, in lower-case hexadecimal; absent when nobody has said. */
  readonly sha256?: string | undefined;
  /**
   * Opens it at its beginning, or at `from` if it is still the content that had this tag. Throws `SourceInterrupted` when nobody
   * answers, which may pass, and a `ProblemError` when there is nothing to be had.
   */
  open(signal: AbortSignal, from?: { readonly offset: number; readonly tag: string }): Promise<OpenSource>;
}

export interface OpenSource {
  /** Where the content begins. */
  readonly offset: number;
  /** Of the whole; absent when the source does not say. */
  readonly bytes?: number;
  /** Tells this content from another of the same source; absent when it cannot be opened anywhere but at its beginning. */
  readonly tag?: string;
  /** Whoever opened it destroys it. */
  readonly content: Readable;
}

export interface VolumeFacet {
  /** Disks that no VM needs, not even for a snapshot or as a base. Images, seeds and firmware variables are none. */
  list(signal: AbortSignal): Promise<Volume[]>;
  /** Deletes one by its id. Throws `volume-not-found`, or `volume-in-use` if a VM needs it. */
  delete(volume: string, context: OperationContext): Promise<Effect>;
}

export interface NetworkFacet {
  list(signal: AbortSignal): Promise<Network[]>;
}

export interface GuestFacet {
  /** Asks the guest itself; a guest that does not answer is `agent: false`, not an error. */
  read(nativeId: NativeId, signal: AbortSignal): Promise<Guest & { addresses: string[] }>;
}

export interface ExportFacet {
  definition(nativeId: NativeId, signal: AbortSignal): Promise<NativeDefinition>;
}
