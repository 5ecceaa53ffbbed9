import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ProblemError } from '@polyvirt/contracts';

const run = promisify(execFile);

/**
 * Writes the disk as it was at an internal snapshot into a volume that exists. libvirt has no call for it, so that the
 * agent needs qemu-img and the files.
 */
export async function extractSnapshot(
  source: string,
  snapshot: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await run(
      'qemu-img',
      [
        'convert',
        '-l',
        `snapshot.name=${escapeOption(snapshot)}`,
        '-n',
        '-f',
        'qcow2',
        '-O',
        'qcow2',
        '--',
        source,
        target,
      ],
      { signal },
    );
  } catch (error) {
    signal.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new ProblemError(
        'host-rejected',
        'qemu-img is not installed beside the agent, and a clone of a snapshot needs it (Debian: qemu-utils).',
        { cause: error },
      );
    const detail = (error as { stderr?: string }).stderr?.trim();
    throw new ProblemError('host-rejected', `qemu-img could not read the snapshot${detail ? `: ${detail}` : '.'}`, {
      cause: error,
    });
  }
}

/** A comma separates options of QEMU; a doubled one is itself. */
const escapeOption = (value: string) => value.replaceAll(',', ',,');
