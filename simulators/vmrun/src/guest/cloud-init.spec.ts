import { describe, expect, it } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { Dictionary } from '../dictionary/dictionary.ts';
import { cloudInitOf } from './cloud-init.ts';

const yaml = `instance-id: x
local-hostname: web-1
network:
  version: 2
  ethernets:
    nics:
      match: { name: e* }
      addresses:
        - 10.0.0.7/24
`;

describe('cloud-init of the simulated guest', () => {
  it.each([
    ['', yaml],
    ['base64', Buffer.from(yaml).toString('base64')],
    ['gzip+base64', gzipSync(yaml).toString('base64')],
    [
      'base64',
      Buffer.from(JSON.stringify({ 'local-hostname': 'web-1', network: { addresses: ['10.0.0.7/24'] } })).toString(
        'base64',
      ),
    ],
  ])('reads metadata encoded as %s', (encoding, value) => {
    const entries = { 'guestinfo.metadata': value, ...(encoding && { 'guestinfo.metadata.encoding': encoding }) };
    expect(cloudInitOf(Dictionary.of(entries))).toEqual({ hostName: 'web-1', address: '10.0.0.7' });
  });

  it('reads a network configuration that is itself encoded', () => {
    const network = Buffer.from('addresses: [10.0.0.8/24]').toString('base64');
    const metadata = `local-hostname: a\nnetwork: ${network}\nnetwork.encoding: base64\n`;
    expect(cloudInitOf(Dictionary.of({ 'guestinfo.metadata': metadata }))).toEqual({
      hostName: 'a',
      address: '10.0.0.8',
    });
  });

  it('knows nothing without metadata', () => {
    expect(cloudInitOf(Dictionary.of({}))).toEqual({});
  });
});
