import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { isGood, newAuthority, newCertificate, type Pair } from './certificates.ts';

describe('the certificate of a server', () => {
  let authority: Pair;
  let pair: Pair;
  const names = ['polyvirt.example', '192.0.2.7', '2001:db8::7'];
  beforeAll(async () => {
    authority = await newAuthority();
    pair = await newCertificate(authority, names);
  });

  it('is for every name and address that was given and for its own machine, and is shown with its authority', () => {
    const [certificate, shownAuthority] = pair.cert
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .map((pem) => new X509Certificate(pem));
    for (const name of ['polyvirt.example', 'localhost']) expect(certificate!.checkHost(name)).toBe(name);
    for (const address of ['192.0.2.7', '2001:db8::7', '127.0.0.1', '::1'])
      expect(certificate!.checkIP(address)).toBeDefined();
    expect(certificate!.checkHost('other.example')).toBeUndefined();
    expect(certificate!.verify(shownAuthority!.publicKey)).toBe(true);
    expect(shownAuthority!.fingerprint256).toBe(new X509Certificate(authority.cert).fingerprint256);
    expect([shownAuthority!.ca, certificate!.ca]).toEqual([true, false]);
    createSecureContext({ cert: pair.cert, key: pair.key });
  });

  it('is made again when it lacks a name, is by another authority or for another key, and stays otherwise', async () => {
    expect(isGood(pair, authority.cert, names)).toBe(true);
    expect(isGood(pair, authority.cert, ['192.0.2.7', 'localhost'])).toBe(true);
    for (const missing of ['new.example', '192.0.2.8', '2001:db8::8'])
      expect(isGood(pair, authority.cert, [...names, missing])).toBe(false);
    expect(isGood(pair, (await newAuthority()).cert, names)).toBe(false);
    const { key } = await newCertificate(authority, names);
    expect(isGood({ ...pair, key }, authority.cert, names)).toBe(false);
  });
});
