import { ProblemError, type CloudInit } from '@polyvirt/contracts';

/** Of base64, in Prism's schema of a VM. */
const MOST_CHARACTERS = 128_000;
const MOST_BYTES = (MOST_CHARACTERS / 4) * 3;

/** @throws ProblemError `invalid-input` for what Prism hands no guest; it says nothing of what is in it */
export function demandCloudInit(cloudInit: CloudInit | undefined): void {
  if (cloudInit === undefined) return;
  if (cloudInit.networkConfig !== undefined)
    throw new ProblemError(
      'invalid-input',
      'Prism hands a guest user data only. Leave the network configuration out, or write it in the user data.',
      { errors: [{ pointer: '/cloudInit/networkConfig', detail: 'Not on this hypervisor.' }] },
    );
  const bytes = Buffer.byteLength(cloudInit.userData);
  if (bytes > MOST_BYTES)
    throw new ProblemError(
      'invalid-input',
      `The user data has ${number(bytes)} bytes, and Prism Central takes at most ${number(MOST_BYTES)}. Let it load the rest from a server.`,
      { errors: [{ pointer: '/cloudInit/userData', detail: `At most ${number(MOST_BYTES)} bytes.` }] },
    );
}

const number = (value: number): string => value.toLocaleString('en-US');
