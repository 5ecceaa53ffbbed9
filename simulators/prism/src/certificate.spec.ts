import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadCertificate } from './certificate.ts';

describe('the certificate', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'prism-certificate-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is made once for all that share its folder, also when they begin together, and fits its key', async () => {
    const tls = join(folder, 'shared', 'tls');
    const load = () => loadCertificate(tls, ['prism.example'], Date.now());
    const [one, two] = await Promise.all([load(), load()]);
    expect(two).toEqual(one);
    expect(await load()).toEqual(one);
    const certificate = new X509Certificate(one.certificate);
    expect(certificate.checkPrivateKey(createPrivateKey(one.key))).toBe(true);
    expect(certificate.checkHost('prism.example')).toBe('prism.example');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(readdirSync(join(folder, 'shared'))).toEqual(['tls']);
    expect(statSync(join(tls, 'key.pem')).mode & 0o077).toBe(0);
  });
});
