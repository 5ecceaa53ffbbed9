import { ProblemError, requireUserData, type CloudInit } from '@polyvirt/contracts';
import { userDataBytes } from '../hosts.ts';

/** @throws ProblemError `invalid-input` for what Prism hands no guest; it says nothing of what is in it */
export function demandCloudInit(cloudInit: CloudInit | undefined): void {
  if (cloudInit?.networkConfig !== undefined)
    throw new ProblemError(
      'invalid-input',
      'Prism hands a guest user data only. Leave the network configuration out, or write it in the user data.',
      { errors: [{ pointer: '/cloudInit/networkConfig', detail: 'Not on this hypervisor.' }] },
    );
  requireUserData(cloudInit, { userDataBytes });
}
