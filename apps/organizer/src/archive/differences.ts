import type { VmRecord } from '@polyvirt/contracts';

/** What of the hardware of a VM is different after a change, from what it was to what it is; a sentence without its full stop. */
export function differencesOf(before: VmRecord, after: VmRecord): string {
  const parts = [
    ...fromTo('CPUs', before.cpus, after.cpus),
    ...fromTo('memory', before.memoryMiB, after.memoryMiB, ' MiB'),
    ...fromTo('firmware', before.firmware, after.firmware),
    ...diskDifferences(before.disks, after.disks),
    ...nicDifferences(before.nics, after.nics),
    ...cdromDifferences(before.cdrom, after.cdrom),
  ];
  if (parts.length > 0) return capitalised(parts.join(', '));
  const waits = after.pendingChanges !== undefined && after.pendingChanges.length > 0;
  return waits ? 'Changed with effect at the next power-off' : 'Changed in what is not recorded';
}

type Value = string | number | undefined;

/** What is not known is left out of the sentence: unknown is no value. */
function fromTo(what: string, from: Value, to: Value, unit = ''): string[] {
  if (from === to || to === undefined) return [];
  return [from === undefined ? `${what} ${to}${unit}` : `${what} from ${from} to ${to}${unit}`];
}

function diskDifferences(before: VmRecord['disks'], after: VmRecord['disks']): string[] {
  const sizeOf = ({ sizeGiB }: VmRecord['disks'][number]) => (sizeGiB === undefined ? '' : ` of ${sizeGiB} GiB`);
  const { added, removed, kept } = compared(before, after, ({ device }) => device);
  return [
    ...kept.flatMap(([from, to]) => fromTo(`disk ${to.device}`, from.sizeGiB, to.sizeGiB, ' GiB')),
    ...added.map((disk) => `disk ${disk.device}${sizeOf(disk)} added`),
    ...removed.map((disk) => `disk ${disk.device}${sizeOf(disk)} removed`),
  ];
}

function nicDifferences(before: VmRecord['nics'], after: VmRecord['nics']): string[] {
  const nameOf = ({ mac }: VmRecord['nics'][number]) => (mac === undefined ? 'interface' : `interface ${mac}`);
  const onNetwork = ({ network }: VmRecord['nics'][number]) => (network === undefined ? '' : ` on ${network}`);
  const { added, removed, kept } = compared(
    before,
    after,
    ({ mac, network }) => mac ?? `on ${network ?? 'no network'}`,
  );
  return [
    ...kept.flatMap(([from, to]) => fromTo(`network of ${nameOf(to)}`, from.network, to.network)),
    ...added.map((nic) => `${nameOf(nic)}${onNetwork(nic)} added`),
    ...removed.map((nic) => `${nameOf(nic)}${onNetwork(nic)} removed`),
  ];
}

function cdromDifferences(before: VmRecord['cdrom'], after: VmRecord['cdrom']): string[] {
  if (before === after) return [];
  if (after === undefined) return ['CD-ROM drive removed'];
  if (after === null) return [before === undefined ? 'CD-ROM drive added' : `CD-ROM ${before} ejected`];
  return [before ? `CD-ROM from ${before} to ${after}` : `CD-ROM ${after} inserted`];
}

function compared<Item>(before: readonly Item[], after: readonly Item[], keyOf: (item: Item) => string) {
  const old = new Map(before.map((item) => [keyOf(item), item]));
  const now = new Set(after.map(keyOf));
  return {
    added: after.filter((item) => !old.has(keyOf(item))),
    removed: before.filter((item) => !now.has(keyOf(item))),
    kept: after.flatMap((item) => {
      const was = old.get(keyOf(item));
      return was === undefined ? [] : [[was, item] as const];
    }),
  };
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
