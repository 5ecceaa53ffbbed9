import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { runAgent } from '@polyvirt/agent-kit';
import { loadConfig } from '@polyvirt/config';
import { kvmAgentConfig } from './config.ts';
import { LibvirtDriver } from './libvirt.driver.ts';

const config = loadConfig(kvmAgentConfig);
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

await runAgent({
  config,
  version,
  driver: new LibvirtDriver({
    uri: config.libvirtUri,
    socketPath: config.libvirtSocket,
    acceleration: config.acceleration,
    pool: { name: config.storagePool, path: config.storagePath },
    imageFolder: config.imagePath,
  }),
});
