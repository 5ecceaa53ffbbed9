import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { runAgent } from '@polyvirt/agent-kit';
import { loadConfig } from '@polyvirt/config';
import { nutanixAgentConfig } from './config.ts';
import { PrismDriver } from './prism.driver.ts';

const config = loadConfig(nutanixAgentConfig);
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

await runAgent({
  config,
  version,
  driver: new PrismDriver({
    url: config.prismAddress,
    username: config.prismUsername,
    password: config.prismPassword,
    auth: config.prismAuth,
    trust: {
      ca: config.prismCa,
      fingerprint: config.prismFingerprint,
      insecure: config.prismTls === 'waive',
    },
    defaultCluster: config.prismCluster,
    simulated: config.simulated,
    shutdown: config.prismShutdown,
    watchMs: config.prismWatchMs,
  }),
});
