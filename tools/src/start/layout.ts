import { join } from 'node:path';

/** Where everything is in a data folder. */
export interface Layout {
  readonly dataDir: string;
  readonly secrets: string;
  readonly logs: string;
  readonly images: string;
  readonly archives: string;
  /** What is uploaded, until an agent has taken it. */
  readonly uploads: string;
  readonly nats: string;
  /** Machines and installation of the simulated Workstation. */
  readonly workstation: string;
  /** State and certificate of the simulated Prism Central. */
  readonly prism: string;
  readonly database: string;
  /** For people and scripts, while the stack is ready. */
  readonly runFile: string;
  /** For the next supervisor: who runs here, and what it has started. */
  readonly instanceFile: string;
  logOf(service: string): string;
}

export function layoutOf(dataDir: string): Layout {
  const logs = join(dataDir, 'logs');
  return {
    dataDir,
    secrets: join(dataDir, 'secrets'),
    logs,
    images: join(dataDir, 'images'),
    archives: join(dataDir, 'permanent_vms'),
    uploads: join(dataDir, 'uploads'),
    nats: join(dataDir, 'nats'),
    workstation: join(dataDir, 'workstation'),
    prism: join(dataDir, 'prism'),
    database: join(dataDir, 'polyvirt.db'),
    runFile: join(dataDir, 'run.json'),
    instanceFile: join(dataDir, 'instance.json'),
    logOf: (service) => join(logs, `${service}.log`),
  };
}
