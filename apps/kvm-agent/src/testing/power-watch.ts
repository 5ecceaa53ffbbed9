import type { Disruption, NativeId } from '@polyvirt/contracts';
import { DomainLifecycle, StoppedDetail, type Domain, type Libvirt } from '@polyvirt/node-libvirt';

/** Metadata that is set to see an event of ours come behind all that came before it. */
const MARK = 'urn:polyvirt:bench';
const EVENTS_PER_MARK = 2;
const AGENT_SECONDS = 5;

/**
 * Watches what a machine suffers, past the driver: by libvirt's events of its power, and, where they tell of nothing, by the
 * uptime of a guest that has booted.
 */
export async function watchPower(libvirt: Libvirt, nativeId: NativeId): Promise<() => Promise<Disruption>> {
  const domain = await libvirt.domains.get(nativeId);
  let seen: Disruption = 'none';
  let hasReset = false;
  let marks = 0;
  let marked = () => {};
  const ofIt = ({ dom }: { dom: { uuid: string } }) => dom.uuid === nativeId;
  const subscriptions = await Promise.all([
    libvirt.subscribe('domain', 'lifecycle', (event) => {
      if (!ofIt(event) || event.event !== DomainLifecycle.STOPPED) return;
      if (event.detail === StoppedDetail.SHUTDOWN) seen = 'guest-restart';
      else if (event.detail === StoppedDetail.DESTROYED || event.detail === StoppedDetail.CRASHED) seen = 'power-cycle';
    }),
    // libvirt's own event of a reboot hides who reset. SeaBIOS answers each reset from outside with resets of its own, under
    // load a while later, which would be taken for the doing of the next verb.
    libvirt.subscribe('monitor', 'event', (event) => {
      if (!ofIt(event) || event.event !== 'RESET') return;
      const { guest } = JSON.parse(event.details ?? '{}') as { guest?: boolean };
      if (guest === true) hasReset = true;
      else seen = 'power-cycle';
    }),
    libvirt.subscribe('domain', 'metadataChange', (event) => {
      if (!ofIt(event) || event.nsuri !== MARK) return;
      marks += 1;
      marked();
    }),
  ]);
  const before = await uptimeOf(domain);
  return async () => {
    try {
      // The monitor of QEMU has answered what was asked before, and so have its events.
      await domain.memoryStats().catch(() => undefined);
      const all = new Promise<void>((resolve) => (marked = () => marks === EVENTS_PER_MARK && resolve()));
      const isThere = await mark(domain);
      if (isThere) await all;
      // One that is on its way up again answers nobody.
      if (before === undefined || seen !== 'none') return seen;
      // An operating system that answered has reset the machine: no firmware is at work any more.
      if (hasReset) return 'guest-restart';
      const after = await uptimeOf(domain);
      if (after !== undefined && after < before)
        throw new Error(`libvirt tells of nothing, and the uptime of the guest went from ${before} s to ${after} s`);
      return 'none';
    } finally {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
    }
  };
}

/** False when there is no such machine any more. */
async function mark(domain: Domain): Promise<boolean> {
  try {
    const where = (await domain.isActive()) ? { live: true } : { config: true };
    await domain.setMetadataElement(MARK, 'bench', '<mark/>', where);
    await domain.setMetadataElement(MARK, 'bench', null, where);
    return true;
  } catch {
    return false;
  }
}

/** Seconds since the guest has booted, as its agent reads them; undefined where none answers. */
async function uptimeOf(domain: Domain): Promise<number | undefined> {
  if (!(await domain.xml().catch(() => '')).includes("state='connected'")) return undefined;
  try {
    const ask = (execute: string, given: object) => domain.agentCommand({ execute, arguments: given }, AGENT_SECONDS);
    const handle = await ask('guest-file-open', { path: '/proc/uptime' });
    const read = (await ask('guest-file-read', { handle })) as { 'buf-b64': string };
    await ask('guest-file-close', { handle });
    return Number(Buffer.from(read['buf-b64'], 'base64').toString().split(' ')[0]);
  } catch {
    return undefined;
  }
}
