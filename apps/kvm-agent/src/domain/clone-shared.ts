import type { Element } from '../xml-edit.ts';

/** Devices that name something of the host other than by a path. */
const bound: Readonly<Record<string, string>> = {
  hostdev: 'host device',
  lease: 'lease',
  shmem: 'shared memory',
  filesystem: 'folder of the host',
};

/** What reads files of the host that any number of machines may read, or is made anew elsewhere. */
const harmless: ReadonlySet<string> = new Set([
  'disk',
  'emulator',
  'rng',
  'video',
  ...['serial', 'parallel', 'console', 'channel', 'redirdev', 'smartcard'],
]);

/** Kinds of interfaces that reach something of the host which serves one machine. */
const exclusiveInterfaces: ReadonlySet<string> = new Set(['vhostuser', 'hostdev', 'vdpa', 'udp', 'server', 'mcast']);

/**
 * What the definition of a clone has in common with its source on the host, in sentences. A path in any device that we do not
 * know is told too, rather than passed over.
 */
export function describeShared(domain: Element): string[] {
  const notes = new Set<string>();
  for (const device of domain.child('devices')?.elements ?? []) {
    if (harmless.has(device.name)) continue;
    const source = device.child('source');
    if (device.name === 'interface') describeInterface(device, notes);
    else if (device.name in bound) notes.add(shares(bound[device.name]!, source ? valuesIn(source) : valuesIn(device)));
    else if (device.name === 'graphics') {
      const address = device.attribute('address');
      if (address !== undefined) notes.add(shares('bus of its display', [address]));
    } else {
      const paths = valuesIn(device).filter((value) => value.startsWith('/'));
      if (paths.length > 0) notes.add(shares(`${device.name} device`, paths));
    }
  }
  const words = domain
    .child('qemu:commandline')
    ?.children('qemu:arg')
    .map((argument) => argument.attribute('value') ?? '');
  if (words && words.length > 0)
    notes.add(
      `The arguments for QEMU are those of the source (${words.join(' ')}): see that no port, file or name in them is needed twice.`,
    );
  return [...notes];
}

function describeInterface(nic: Element, notes: Set<string>): void {
  const type = nic.attribute('type') ?? '';
  const source = nic.child('source');
  const isAlone = exclusiveInterfaces.has(type) || (type === 'direct' && source?.attribute('mode') === 'passthrough');
  const what = `source of the interface ${nic.child('mac')?.attribute('address')}`;
  if (isAlone && source) notes.add(shares(what, valuesIn(source)));
  for (const forward of nic.children('portForward'))
    notes.add(shares(`forwarded ports of the interface ${nic.child('mac')?.attribute('address')}`, valuesIn(forward)));
}

const shares = (what: string, values: readonly string[]): string => {
  const named = values.length > 0 ? ` (${values.join(' ')})` : '';
  return `The clone has the same ${what}${named} as its source: where only one machine can use that, the two cannot run at the same time.`;
};

/** All that attributes and texts say, in their order. */
function valuesIn(element: Element): string[] {
  const text = element.text.trim();
  return [...Object.values(element.attributes), ...(text === '' ? [] : [text]), ...element.elements.flatMap(valuesIn)];
}
