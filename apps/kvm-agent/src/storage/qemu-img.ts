import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { foreignText, ProblemError } from '@polyvirt/contracts';

const run = promisify(execFile);

/** Writes the disk as it was at an internal snapshot into a volume that exists. */
export async function extractSnapshot(
  source: string,
  snapshot: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const named = `snapshot.name=${escapeOption(snapshot)}`;
  const args = ['convert', '-l', named, '-n', '-f', 'qcow2', '-O', 'qcow2', '--', source, target];
  await qemuImg(args, 'could not read the snapshot', signal);
}

/** A snapshot inside a qcow2 file. Its id is unique within the file; a name need not be. */
export interface InternalSnapshot {
  readonly id: string;
  readonly name: string;
}

/** Those of a file, also of one that a machine writes to. */
export async function snapshotsIn(path: string): Promise<readonly InternalSnapshot[]> {
  const args = ['info', '-U', '-f', 'qcow2', '--output=json', '--', path];
  const info = JSON.parse(await qemuImg(args, `could not read ${path}`)) as { snapshots?: InternalSnapshot[] };
  return info.snapshots ?? [];
}

/** Of a disk that nothing writes to; QEMU refuses the others. */
export async function takeSnapshotIn(path: string, name: string): Promise<void> {
  await qemuImg(['snapshot', '-q', '-c', name, '--', path], `could not take a snapshot in ${path}`);
}

/** Likewise. By its id: qemu-img takes a name that is a number for one. */
export async function revertTo({ id }: InternalSnapshot, path: string): Promise<void> {
  await qemuImg(['snapshot', '-q', '-a', id, '--', path], `could not revert ${path}`);
}

/** Likewise. */
export async function deleteSnapshotIn(path: string, name: string): Promise<void> {
  await qemuImg(['snapshot', '-q', '-d', name, '--', path], `could not delete the snapshot in ${path}`);
}

/** What libvirt has no call for, so that the agent needs qemu-img and the files. */
async function qemuImg(args: readonly string[], failure: string, signal?: AbortSignal): Promise<string> {
  try {
    return (await run('qemu-img', args, { ...(signal && { signal }) })).stdout;
  } catch (error) {
    signal?.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new ProblemError(
        'host-rejected',
        'qemu-img is not installed beside the agent, and snapshots of this VM need it (Debian: qemu-utils).',
        { cause: error },
      );
    const detail = (error as { stderr?: string }).stderr?.trim();
    throw new ProblemError('host-rejected', `qemu-img ${failure}${detail ? `: ${foreignText(detail)}` : '.'}`, {
      cause: error,
    });
  }
}

/** A comma separates options of QEMU; a doubled one is itself. */
const escapeOption = (value: string) => value.replaceAll(',', ',,');
