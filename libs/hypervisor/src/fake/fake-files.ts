import type { NativeId } from '@polyvirt/contracts';
import type { FakeHost } from './fake-host.ts';
import type { FakeMachine, FakeVolume } from './fake-machine.ts';

type Volumes = ReadonlyMap<string, FakeVolume>;

/** Files that a machine has by itself, without what lies below them. */
export function ownFiles({ disks, seed, nvram, savedMemory, snapshots }: FakeMachine): string[] {
  const kept = snapshots.flatMap(({ hardware }) => hardware.disks);
  const single = [seed, nvram, savedMemory].filter((path) => path !== undefined);
  return [...new Set([...[...disks, ...kept].map(({ path }) => path), ...single])];
}

/** A file and everything that it is a layer over. */
export function chainOf(path: string, volumes: Volumes): string[] {
  const chain: string[] = [];
  for (let at: string | undefined = path; at !== undefined && !chain.includes(at); at = volumes.get(at)?.backing)
    chain.push(at);
  return chain;
}

/** All files that a machine cannot do without. */
export const neededFiles = (machine: FakeMachine, volumes: Volumes): Set<string> =>
  new Set(ownFiles(machine).flatMap((path) => chainOf(path, volumes)));

/** Every file of the host with the machines that need it, and those that machines need and the host has not. */
export function hostFiles(
  machines: readonly FakeMachine[],
  volumes: Volumes,
): { readonly path: string; readonly users: NativeId[]; readonly missing?: true }[] {
  const needs = machines.map((machine) => ({ id: machine.nativeId, files: neededFiles(machine, volumes) }));
  const needed = needs.flatMap(({ files }) => [...files]);
  return [...new Set([...volumes.keys(), ...needed])].map((path) => ({
    path,
    users: needs.filter(({ files }) => files.has(path)).map(({ id }) => id),
    ...(!volumes.has(path) && { missing: true }),
  }));
}

/** Bases that were kept for these files alone, and go with them. */
export function abandonedBases(host: FakeHost, doomed: ReadonlySet<string>, except: string | undefined): string[] {
  const volumes = new Map(host.volumes().map((volume) => [volume.path, volume]));
  const gone = new Set(doomed);
  const isFree = (path: string) =>
    host.usersOf(path).every((name) => name === except) && host.layersOver(path).every((layer) => gone.has(layer.path));
  for (const path of [...doomed].flatMap((one) => chainOf(one, volumes).slice(1)))
    if (volumes.get(path)?.orphan && isFree(path)) gone.add(path);
  return [...gone].filter((path) => !doomed.has(path));
}
