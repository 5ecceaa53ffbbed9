import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeId } from '@polyvirt/contracts';
import { guestAddresses } from '@polyvirt/hypervisor';
import { orMissing } from '../vmx/dictionary-file.ts';
import type { Platform } from '../vmrun/installation.ts';

interface Lease {
  readonly address: string;
  readonly mac: string;
  /** Milliseconds since 1970. */
  readonly endsAt: number;
}

/**
 * Addresses of guests: what the DHCP servers of the virtual networks gave out, and what Tools told when they were asked. The
 * lease files are read again only when they have changed.
 */
export class Leases {
  readonly #folder: string;
  readonly #platform: Platform;
  readonly #told = new Map<NativeId, string>();
  #leases: ReadonlyMap<string, Lease> = new Map();
  #version = '';

  /** `folder` is that of the virtual networks' configuration. */
  constructor(folder: string, platform: Platform) {
    this.#folder = folder;
    this.#platform = platform;
  }

  /** Reads the lease files if they have changed; answers whether they had. */
  async refresh(): Promise<boolean> {
    const files = await this.#files();
    const versions = await Promise.all(files.map((path) => orMissing(stat(path))));
    const version = versions.map((one) => `${one?.ino} ${one?.size} ${one?.mtimeMs}`).join(' ');
    if (version === this.#version) return false;
    const texts = await Promise.all(files.map((path) => orMissing(readFile(path, 'utf8'))));
    this.#leases = newestByMac(texts.flatMap((text) => parseLeases(text ?? '')));
    this.#version = version;
    return true;
  }

  /**
   * Addresses of a running machine's adapters, in their order. What Tools told is the first adapter's where no lease says
   * more: a bridged network's DHCP server is somebody else's.
   */
  addressesOf(nativeId: NativeId, macs: readonly string[]): string[][] {
    const leased = macs.map((mac) => this.#leased(mac));
    const told = this.#told.get(nativeId);
    if (told !== undefined && leased.every((addresses) => addresses.length === 0)) leased[0]?.push(told);
    return leased;
  }

  #leased(mac: string): string[] {
    const lease = this.#leases.get(mac.toLowerCase());
    return lease && lease.endsAt > Date.now() ? guestAddresses([lease.address]) : [];
  }

  /** What Tools of a running machine said; undefined when it went off. */
  noteTold(nativeId: NativeId, address: string | undefined): void {
    if (address === undefined) this.#told.delete(nativeId);
    else this.#told.set(nativeId, address);
  }

  async #files(): Promise<string[]> {
    if (this.#platform === 'windows') return [join(this.#folder, 'vmnetdhcp.leases')];
    if (this.#platform === 'macos') {
      const names = (await orMissing(readdir('/var/db/vmware'))) ?? [];
      return names.filter((name) => /^vmnet-dhcpd-.*\.leases$/.test(name)).map((name) => join('/var/db/vmware', name));
    }
    const names = (await orMissing(readdir(this.#folder))) ?? [];
    return names
      .filter((name) => /^vmnet\d+$/.test(name))
      .map((name) => join(this.#folder, name, 'dhcpd', 'dhcpd.leases'));
  }
}

/** Leases in the format of ISC's dhcpd, version 2. Times are UTC. */
export function parseLeases(text: string): Lease[] {
  return [...text.matchAll(/^\s*lease\s+(\S+)\s*\{([^}]*)\}/gm)].flatMap(([, address, body]) => {
    const mac = /hardware\s+ethernet\s+([0-9a-f:]+)/i.exec(body!)?.[1];
    if (mac === undefined) return [];
    return { address: address!, mac: mac.toLowerCase(), endsAt: endOf(body!) };
  });
}

function endOf(body: string): number {
  const match = /\bends\s+(?:never|\d\s+(\d+)\/(\d+)\/(\d+)\s+(\d+):(\d+):(\d+))/i.exec(body);
  if (!match) return 0;
  if (match[1] === undefined) return Infinity;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  return Date.UTC(year!, month! - 1, day, hour, minute, second);
}

/** The file grows at its end: of an adapter the last lease counts. */
const newestByMac = (leases: readonly Lease[]): ReadonlyMap<string, Lease> =>
  new Map(leases.map((lease) => [lease.mac, lease]));
