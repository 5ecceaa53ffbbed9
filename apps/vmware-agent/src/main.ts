import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runAgent } from '@polyvirt/agent-kit';
import { loadConfig } from '@polyvirt/config';
import { vmwareAgentConfig } from './config.ts';
import { platformOfThisMachine, usualPlaces, usualVmFolder } from './vmrun/installation.ts';
import { WorkstationDriver } from './workstation.driver.ts';

const config = loadConfig(vmwareAgentConfig);
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const platform = platformOfThisMachine();
const vmFolder = config.vmFolder ?? usualVmFolder(platform);
const places = usualPlaces(platform);

const driver = await WorkstationDriver.open({
  platform,
  simulated: config.simulated,
  vmrunPath: config.vmrunPath,
  vmFolder,
  otherFolders: config.otherFolders,
  templateFolder: config.templateFolder ?? join(vmFolder, 'Templates'),
  templateClone: config.templateClone,
  imageFolder: config.imagePath ?? join(vmFolder, 'Images'),
  guestOs: config.guestOs,
  hardwareVersion: config.hardwareVersion,
  maxCalls: config.maxCalls,
  codePage: config.codePage,
  places: {
    inventory: config.inventoryFile ?? places.inventory,
    networks: config.networkFolder ?? places.networks,
  },
});

await runAgent({ config, version, driver });
