export { importedSettings, importHypervisorConfig, meetPrism, type Say } from './import.ts';
export { HypervisorConfigError, readHypervisorConfig, type HypervisorConfig } from './read.ts';
