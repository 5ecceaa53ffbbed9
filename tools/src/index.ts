export { AGENT_NODE_OPTIONS } from './agent-node-options.ts';
export { CommandFailed, run, type RunOptions } from './machine/command.ts';
export { packImages } from './compose/pack.ts';
export { dockerBaseImage, DockerEngine, DockerMissing, ensureDocker } from './machine/docker.ts';
export { freePort } from './machine/free-port.ts';
export { makeIsolatedNetwork, removeNetwork, type IsolatedNetwork } from './machine/isolated-network.ts';
export { ensureLibvirt, stopLibvirt, NETWORK, POOL, type Libvirt, type LibvirtOptions } from './machine/libvirt.ts';
export { startMariaDb, type MariaDbOptions, type MariaDbServer } from './machine/mariadb.ts';
export { startNats, type NatsOptions, type NatsServer } from './machine/nats.ts';
export { ensurePackages, PackagesMissing, type PackageOptions, type Purpose } from './machine/packages.ts';
export {
  ensurePowerShell,
  PESTER_VERSION,
  POWERSHELL_VERSION,
  PowerShellMissing,
  quietly,
  type PowerShell,
} from './machine/powershell.ts';
export { startService, type Service, type ServiceOptions } from './machine/service.ts';
export { npmProgram } from './npm-program.ts';
export { packAgent, packServer } from './pack/programs.ts';
export { imageCache, root } from './places.ts';
export { layoutOf } from './start/layout.ts';
export { ensureTinyLinux, type TinyLinuxOptions } from './tiny-linux/build.ts';
export { randomNumbers } from './test-run/seed.ts';
export { Enclosure, type EnclosureOptions } from './machine/enclosure.ts';
export { identityOf, isSameProcess, type ProcessIdentity } from './machine/process-identity.ts';
