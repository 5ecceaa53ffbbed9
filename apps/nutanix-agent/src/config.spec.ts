import { describe, expect, it } from '@jest/globals';
import { readConfig } from '@polyvirt/config';
import { nutanixAgentConfig } from './config.ts';

const read = (more: Record<string, string>) =>
  readConfig(nutanixAgentConfig, {
    POLYVIRT_HOST_ID: 'nutanix-lab1',
    POLYVIRT_PRISM_ADDRESS: '10.0.0.100',
    POLYVIRT_PRISM_PASSWORD: 'secret',
    ...more,
  });

describe('the settings', () => {
  it.each([
    ['10.0.0.100', 'https://10.0.0.100:9440'],
    ['prism.example', 'https://prism.example:9440'],
    ['prism.example:443', 'https://prism.example'],
    ['https://prism.example:9440/', 'https://prism.example:9440'],
  ])('take %s for %s', (address, url) => expect(read({ POLYVIRT_PRISM_ADDRESS: address }).prismAddress).toBe(url));

  it('take what the old program had', () => {
    expect(read({ POLYVIRT_PRISM_USERNAME: 'admin', POLYVIRT_PRISM_CLUSTER: 'cluster01' })).toMatchObject({
      prismUsername: 'admin',
      prismCluster: 'cluster01',
      prismTls: 'verify',
      simulated: false,
    });
  });

  it.each(['http://prism.example', 'a b', 'prism.example/console'])('refuse the address %s', (address) =>
    expect(() => read({ POLYVIRT_PRISM_ADDRESS: address })).toThrow(),
  );
});
