import {
  Hypervisor,
  HostId,
  NativeDefinition,
  OperationId,
  Snapshot,
  Timestamp,
  VmId,
  VmRecord,
  type CloudEvent,
} from '@polyvirt/contracts';
import { z } from 'zod';
import { differencesOf } from './differences.ts';

const HistoryEntry = z.object({
  /** Id of the event. */
  id: z.string(),
  at: Timestamp,
  event: z.string(),
  detail: z.string(),
  operationId: z.string().optional(),
  by: z.string().optional(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

/** One of the machine's own files, and its name under `vm_files`, or why it has none. */
const VmFile = z.object({ path: z.string(), link: z.string().optional(), missing: z.string().optional() });
export type VmFile = z.infer<typeof VmFile>;

/** `metadata.json`: everything the archive knows of a VM. The rest of the folder follows from it. */
export const ArchiveDocument = z.object({
  vmId: VmId,
  name: z.string(),
  folder: z.string(),
  host: HostId,
  hypervisor: Hypervisor,
  simulated: z.boolean(),
  createdAt: Timestamp,
  createdBy: z.string().optional(),
  operationId: z.string().optional(),
  clonedFrom: VmId.optional(),
  updatedAt: Timestamp,
  deletedAt: Timestamp.optional(),
  addresses: z.array(z.string()),
  definition: z
    .object({ format: NativeDefinition.shape.format, file: z.string(), takenAt: Timestamp, files: z.array(z.string()) })
    .optional(),
  files: z.array(VmFile),
  vm: VmRecord,
  history: z.array(HistoryEntry),
  lastEvent: z.object({ id: z.string(), sequence: z.int(), time: Timestamp }),
});
export type ArchiveDocument = z.infer<typeof ArchiveDocument>;

/** What any event about a VM may carry. */
export const VmEventBody = z.object({
  vm: VmRecord,
  operationId: OperationId.optional(),
  requestedBy: z.string().optional(),
  definition: NativeDefinition.optional(),
  clonedFrom: VmId.optional(),
  clone: VmId.optional(),
  previousName: z.string().optional(),
  snapshot: Snapshot.optional(),
});
export type VmEventBody = z.infer<typeof VmEventBody>;

/** Entries of the history that are kept: the first, and so many of the latest less one. */
export const longestHistory = 500;

const definitionFiles = { 'libvirt-xml': 'domain.xml', vmx: 'machine.vmx', 'prism-spec': 'prism-spec.json' } as const;

/** What the archive knows after an event. `folder` is used when the VM has none yet. Pure: replayed, it gives the same. */
export function afterEvent(
  before: ArchiveDocument | undefined,
  { event, sequence }: { event: CloudEvent; sequence: number },
  body: VmEventBody,
  folder: string,
): ArchiveDocument {
  const { vm, definition } = body;
  const entry = historyEntry(event, body, before?.vm);
  return {
    vmId: vm.id,
    name: vm.name,
    folder: before?.folder ?? folder,
    host: vm.host,
    hypervisor: vm.hypervisor,
    simulated: vm.simulated,
    createdAt: before?.createdAt ?? vm.createdAt,
    ...(before
      ? authorOf(before)
      : { createdBy: body.requestedBy, operationId: body.operationId, clonedFrom: body.clonedFrom }),
    updatedAt: event.time,
    // A VM may come back under its id, when somebody defines it again.
    deletedAt: event.type === 'vm.deleted' ? event.time : undefined,
    addresses: [...new Set(vm.nics.flatMap(({ addresses }) => addresses))],
    definition: definition
      ? {
          format: definition.format,
          file: definitionFiles[definition.format],
          takenAt: event.time,
          files: definition.files,
        }
      : before?.definition,
    files: before?.files ?? [],
    vm,
    history: entry ? withEntry(before?.history ?? [], entry) : (before?.history ?? []),
    lastEvent: { id: event.id, sequence, time: event.time },
  };
}

const authorOf = ({ createdBy, operationId, clonedFrom }: ArchiveDocument) => ({ createdBy, operationId, clonedFrom });

/**
 * Whether the document shows the effect of an event already, or of later ones. A lower sequence with a later time is of
 * a stream that was lost and begun anew.
 */
export const isApplied = (document: ArchiveDocument, { event, sequence }: { event: CloudEvent; sequence: number }) =>
  document.lastEvent.id === event.id ||
  document.history.some(({ id }) => id === event.id) ||
  (sequence <= document.lastEvent.sequence && Date.parse(event.time) <= Date.parse(document.lastEvent.time));

function withEntry(history: readonly HistoryEntry[], entry: HistoryEntry): HistoryEntry[] {
  const all = [...history, entry];
  return all.length <= longestHistory ? all : [all[0]!, ...all.slice(all.length - longestHistory + 1)];
}

/** Addresses, labels and the like change too often to be history. */
function historyEntry(event: CloudEvent, body: VmEventBody, before: VmRecord | undefined): HistoryEntry | undefined {
  if (event.type === 'vm.updated') return undefined;
  return {
    id: event.id,
    at: event.time,
    event: event.type,
    detail: detailOf(event.type, body, before),
    operationId: body.operationId,
    by: body.requestedBy,
  };
}

function detailOf(
  type: string,
  { vm, clonedFrom, clone, previousName, snapshot }: VmEventBody,
  before: VmRecord | undefined,
): string {
  switch (type) {
    case 'vm.created':
      return clonedFrom ? `Cloned from ${clonedFrom}.` : `Created as "${vm.name}".`;
    case 'vm.renamed':
      return `Renamed from "${previousName ?? ''}" to "${vm.name}".`;
    case 'vm.reconfigured':
      return before ? `${differencesOf(before, vm)}.` : 'Changed before this folder was made.';
    case 'vm.cloned':
      return `Source of the clone ${clone ?? ''}.`;
    case 'vm.snapshot-created':
      return `Snapshot "${snapshot?.name ?? ''}" taken.`;
    case 'vm.snapshot-deleted':
      return `Snapshot "${snapshot?.name ?? ''}" deleted.`;
    case 'vm.snapshot-reverted':
      return `Put back to snapshot "${snapshot?.name ?? ''}".`;
    default:
      return details[type] ?? `It is ${vm.state}.`;
  }
}

const details: Readonly<Record<string, string>> = {
  'vm.deleted': 'Deleted; this folder stays.',
  'vm.started': 'Powered on.',
  'vm.stopped': 'Powered off.',
  'vm.restarted': 'Restarted.',
  'vm.reset': 'Reset.',
  'vm.paused': 'Paused.',
  'vm.resumed': 'Resumed.',
  'vm.suspended': 'Suspended to disk.',
  'vm.crashed': 'Crashed.',
};

/** Whether the host of the VM runs Windows: its paths tell. */
export const isWindows = ({ hypervisor, definition, vm }: ArchiveDocument): boolean =>
  hypervisor === 'vmware' &&
  [...(definition?.files ?? []), ...vm.disks.flatMap(({ path }) => path ?? [])].some((path) =>
    /^(?:[A-Za-z]:[\\/]|\\\\)/.test(path),
  );
