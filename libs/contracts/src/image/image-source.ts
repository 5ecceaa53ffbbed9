import { z } from 'zod';

/** Where an image is fetched from. Who may read it must not depend on a password in it: it is kept, logged and shown. */
export const ImageUrl = z
  .url({ protocol: /^https?$/, error: 'The address of an image begins with http:// or https://.' })
  .max(2_048)
  .refine(hasNoCredentials, { error: 'Leave out user name and password: the address is kept and shown.' })
  .describe('Where the agent of the host fetches it from, by http or https.');

export const Sha256 = z
  .string()
  .regex(/^[0-9A-Fa-f]{64}$/, 'A SHA-256 is 64 hexadecimal digits.')
  .toLowerCase()
  .describe('SHA-256 of the file, in hexadecimal. An image that has another one is not kept.');

function hasNoCredentials(url: string): boolean {
  const { username = '', password = '' } = URL.parse(url) ?? {};
  return username === '' && password === '';
}
