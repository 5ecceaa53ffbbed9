import { randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandFailed, run } from './command.ts';

const URI = 'qemu:///system';
const SUBNETS = { first: 10, second: 214, thirds: 256, tries: 20 };

/** A network of libvirt that leads nowhere, on a subnet of its own: nobody else is given one of its addresses. */
export interface IsolatedNetwork {
  readonly name: string;
  /** Addresses, both ends included, that its DHCP server gives to nobody by itself. */
  readonly fixedAddresses: { readonly from: string; readonly to: string };
}

/** Defines the network and starts it. Throws when none of a number of subnets is free. */
export async function makeIsolatedNetwork(name: string): Promise<IsolatedNetwork> {
  for (let left = SUBNETS.tries; ; left -= 1) {
    const subnet = `${SUBNETS.first}.${SUBNETS.second}.${randomInt(SUBNETS.thirds)}`;
    await define(
      `<network><name>${name}</name><ip address='${subnet}.1' prefix='24'>` +
        `<dhcp><range start='${subnet}.2' end='${subnet}.99'/></dhcp></ip></network>`,
    );
    try {
      await virsh('net-start', name);
      return { name, fixedAddresses: { from: `${subnet}.100`, to: `${subnet}.249` } };
    } catch (error) {
      await virsh('net-undefine', name);
      // libvirt refuses a subnet that the machine has already.
      if (left === 0 || !(error instanceof CommandFailed)) throw error;
    }
  }
}

/** Removes a network of that name, if there is one. */
export async function removeNetwork(name: string): Promise<void> {
  const listed = async (...filter: string[]) =>
    (await virsh('net-list', '--name', ...filter)).split(/\s+/).includes(name);
  if (await listed()) await virsh('net-destroy', name);
  if (await listed('--all')) await virsh('net-undefine', name);
}

async function define(xml: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'polyvirt-network-'));
  try {
    const file = join(folder, 'network.xml');
    await writeFile(file, xml);
    await virsh('net-define', file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const virsh = (...args: string[]): Promise<string> => run('virsh', ['-q', '-c', URI, ...args], { timeoutMs: 60_000 });
