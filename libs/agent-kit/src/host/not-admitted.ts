import type { HostId } from '@polyvirt/contracts';

/** The bus has not let the host in for long, so that it will not any more. */
export class NotAdmittedError extends Error {
  override readonly name = 'NotAdmittedError';

  constructor(host: HostId, forMs: number, options?: ErrorOptions) {
    super(
      `nats-server has refused the key of host ${host} for ${Math.round(forMs / 1_000)} s: the host was removed, has joined with another ` +
        `key elsewhere, or was away for longer than its key is good. \`polyvirt host rotate ${host}\`, or \`polyvirt host add ${host}\` ` +
        'where it was removed, shows a line to run here. Its VMs run on.',
      options,
    );
  }
}
