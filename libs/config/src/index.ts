export { busSettings, defineConfig, setting, type ConfigDefinition, type ConfigOf, type Setting } from './define.ts';
export { ConfigError, invalidConfigExitCode, loadConfig, readConfig } from './load.ts';
export { logOutput } from './log-output.ts';
export { NetworkList, networks } from './network-list.ts';
export { configurationRows, renderConfiguration, type AppConfiguration } from './reference.ts';
