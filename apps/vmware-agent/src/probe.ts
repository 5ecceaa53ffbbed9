import { statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import { ProblemError, type Capabilities, type Capacity, type HostStatus } from '@polyvirt/contracts';
import { capabilitiesWithout, gibOf } from '@polyvirt/hypervisor';
import { limits } from './lifecycle/hardware-rules.ts';
import { noAutostart, noGrowthWithSnapshots, noSnapshotWithoutMemory, onlyAtPowerOn } from './absent-features.ts';
import { whyNoMetrics } from './metrics.ts';
import { parseBanner, parseProduct } from './vmrun/output.ts';
import { toProblem } from './vmrun/vmrun.problems.ts';
import { orUnreadable } from './inventory/unreadable.ts';
import type { Running } from './inventory/running.ts';
import type { Vmrun } from './vmrun/vmrun.ts';

const MIB = 2 ** 20;

const noPlayer = 'VMware Player has none of it; install Workstation Pro.';

/** What a product can do on a platform. Player neither clones nor takes snapshots. */
export function capabilitiesOf(vmrun: Pick<Vmrun, 'platform'>, isPlayer: boolean): Capabilities {
  return capabilitiesWithout({
    ...(isPlayer ? { clone: noPlayer, snapshots: noPlayer } : {}),
    metrics: whyNoMetrics(vmrun.platform),
    'console.text': 'Workstation offers the screen of a VM and not its serial port. Open the graphical console.',
    'clone.running': 'Workstation clones no VM that is on. Stop it first.',
    'snapshots.runningWithoutMemory': noSnapshotWithoutMemory,
    'reconfigure.autostart': noAutostart,
    'reconfigure.nameLive': onlyAtPowerOn,
    'reconfigure.cpusLive': onlyAtPowerOn,
    'reconfigure.memoryLive': onlyAtPowerOn,
    'reconfigure.disksLive': onlyAtPowerOn,
    'reconfigure.nicsLive': onlyAtPowerOn,
    'reconfigure.addDisksLive': onlyAtPowerOn,
    'reconfigure.removeDisksLive': onlyAtPowerOn,
    'reconfigure.nicsInPlaceLive': onlyAtPowerOn,
    'reconfigure.nicLinkLive': onlyAtPowerOn,
    'reconfigure.cdromLive': onlyAtPowerOn,
    'reconfigure.growWithSnapshots': noGrowthWithSnapshots,
    'networks.fixedAddresses': 'The DHCP server of a virtual network reserves no address from here.',
    'networks.ipv6': 'vmrun says nothing of IPv6 on the virtual networks.',
  });
}

/** Newest hardware version that a release can run, by its year of major version; see VMware's KB 315655. */
const hardwareVersions: readonly (readonly [product: RegExp, version: number])[] = [
  [/^(2[5-9]|[3-9]\d)H[12]/, 22],
  [/^17\.[5-9]/, 21],
  [/^17\./, 20],
  [/^16\.[2-9]/, 19],
  [/^16\./, 18],
  [/^15\./, 16],
  [/^14\./, 14],
];
/** What everything since 16.2 runs. */
const SAFE_HARDWARE_VERSION = 19;

export interface Product {
  /** `VMware Workstation 17.6.3`, or vmrun's own version where the product does not say. */
  readonly name: string;
  readonly hardwareVersion: number;
}

/** Which product answers. Throws when none does. */
export async function readProduct(vmrun: Vmrun, signal?: AbortSignal): Promise<Product> {
  const lines = await vmrun.productLines(signal);
  const product = lines && parseProduct(lines);
  const banner = parseBanner(await vmrun.banner(signal));
  if (!banner)
    throw new ProblemError(
      'host-offline',
      'vmrun is not VMware’s: it does not say its version. Set POLYVIRT_VMRUN_PATH.',
    );
  const own = `vmrun ${banner.version}${banner.build === undefined ? '' : ` build ${banner.build}`}`;
  const hardwareVersion = hardwareVersions.find(([pattern]) => pattern.test(product?.version ?? ''))?.[1];
  return {
    name: product ? `${product.name} ${product.version}, ${own}` : own,
    hardwareVersion: hardwareVersion ?? SAFE_HARDWARE_VERSION,
  };
}

export async function probe(parts: {
  vmrun: Vmrun;
  product: () => Promise<Product>;
  running: Running;
  capabilities: Capabilities;
  vmFolder: string;
  hasQemuImg: () => Promise<boolean>;
  /** What was found out with the last listing. */
  inventoryNotes: () => string[];
}): Promise<HostStatus> {
  const { vmrun, product, running, capabilities, vmFolder } = parts;
  try {
    const [{ name }, { paths }, { vmcli }] = await Promise.all([product(), running.list(), vmrun.programs()]);
    const notes = [
      `New VMs go to ${vmFolder}.`,
      'A disk from an image is always a full copy; only a clone of a VM can share disks.',
      ...(vmcli === undefined
        ? ['There is no vmcli: a VM that something else paused shows as running. Workstation 17 and newer have it.']
        : []),
      ...((await parts.hasQemuImg()) ? [] : ['There is no qemu-img: only images in VMDK and ISO files can be used.']),
      ...parts.inventoryNotes(),
      ...(capabilities.metrics.available
        ? ['Memory in use and network traffic of guests cannot be measured from outside; they are absent.']
        : []),
    ];
    return {
      health: { status: 'healthy', detail: `${name} answers; ${paths.length} VMs run.` },
      version: name,
      capabilities,
      capacity: await readCapacity(vmFolder),
      limits,
      notes,
    };
  } catch (error) {
    const problem = toProblem(error);
    const isThere = await vmrun.programs().then(
      () => true,
      () => false,
    );
    return {
      health: {
        status: isThere ? 'unhealthy' : 'undetected',
        detail: problem instanceof Error ? problem.message : String(problem),
      },
      capabilities,
      capacity: {},
      notes: [],
    };
  }
}

/** What this machine has, whatever of it is in use. */
export const fixedCapacity = (): Capacity => ({ cpus: cpus().length, memoryMiB: Math.round(totalmem() / MIB) });

async function readCapacity(vmFolder: string): Promise<Capacity> {
  const disk = await orUnreadable(statfs(vmFolder));
  return {
    ...fixedCapacity(),
    memoryFreeMiB: Math.round(freemem() / MIB),
    ...(disk && {
      storageGiB: gibOf(disk.blocks * disk.bsize),
      storageFreeGiB: gibOf(disk.bavail * disk.bsize),
    }),
  };
}
