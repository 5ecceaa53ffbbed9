import { formatIp, parseIp } from '@polyvirt/contracts';

/** Loopback, link-local, unspecified and multicast: nobody reaches the machine by one of these. */
const notItsOwn =
  /^(?:127\.|169\.254\.|0\.0\.0\.0$|2(?:2[4-9]|3\d)\.|255\.255\.255\.255$|::1?$|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:)/;

/**
 * Addresses of a guest as the contract wants them, from any of the forms in which products write them: in their usual form, each
 * once, without a prefix or a zone, and nothing that leads nowhere or is no address.
 */
export function guestAddresses(texts: Iterable<string>): string[] {
  const shown = [...texts].flatMap((text) => {
    const ip = parseIp(text.trim().replace(/[/%].*$/, ''));
    return ip ? [formatIp(ip)] : [];
  });
  return [...new Set(shown.filter((address) => !notItsOwn.test(address)))];
}
