import { join } from 'node:path';
import { AGENT_NODE_OPTIONS } from '../agent-node-options.ts';
import type { Layout } from './layout.ts';
import type { Parts } from './parts.ts';
import { formerOf } from './secrets.ts';
import { settingsOfSimulator } from './simulated-workstation.ts';

/** What services are told about the stack they are part of. */
export interface Stack {
  readonly layout: Layout;
  readonly port: number;
  readonly natsUrl: string;
  /** Port of the simulated Prism Central. */
  readonly prismPort: number;
  /** The file that holds a secret. */
  secretFile(name: string): string;
}

/** One of our services, as data. */
export interface ServiceDefinition {
  readonly name: string;
  /** npm packages to build. */
  readonly projects: readonly string[];
  /** Its program, below the repository. */
  readonly entry: string;
  args?(stack: Stack): readonly string[];
  /** Options of Node. */
  readonly nodeOptions?: readonly string[];
  /** Who it is on the bus. An agent is known by its host; a simulator is not on the bus. */
  readonly bus: 'gateway' | 'organizer' | { readonly host: string } | undefined;
  /** Secrets that are its own, beside its credential for the bus. */
  readonly secrets: readonly string[];
  /** Its settings, beyond those of the bus. */
  settings(stack: Stack): Record<string, string>;
  /** Settings that whoever starts the stack may give through the environment. */
  readonly passedOn: readonly string[];
}

/** Name of the secret that scripts find in `run.json`; another one at each start. */
export const runToken = 'run-token';

const EVERYWHERE = ['POLYVIRT_LOG_LEVEL'];
const OF_AGENTS = [
  ...EVERYWHERE,
  'POLYVIRT_GATEWAY_URL',
  'POLYVIRT_IMAGE_NETWORKS',
  'POLYVIRT_METRICS_SECONDS',
  'POLYVIRT_RECONCILE_SECONDS',
];

/** What every agent is told. */
const ofAgent = (host: string, { port }: Stack) => ({
  POLYVIRT_HOST_ID: host,
  POLYVIRT_GATEWAY_URL: `http://127.0.0.1:${port}`,
});

/** In the order they start; they stop in reverse. A product that nobody has is simulated. */
export function servicesFor({ hosts, products }: Pick<Parts, 'hosts' | 'products'>): readonly ServiceDefinition[] {
  const { vmrun, prism } = products;
  const agents = {
    kvm: [kvmAgent],
    vmware: [vmwareAgent(vmrun === undefined)],
    nutanix: [...(prism === undefined ? [prismSimulator] : []), nutanixAgent(prism === undefined)],
  };
  return [gateway, organizer, ...hosts.flatMap((host) => agents[host])];
}

/** Signs sessions and seals what is in the database. */
export const gatewaySecret = 'jwt';

const gateway: ServiceDefinition = {
  name: 'gateway',
  projects: ['@polyvirt/gateway'],
  entry: 'apps/gateway/dist/main.js',
  bus: 'gateway',
  secrets: [gatewaySecret, 'admin-password'],
  settings: ({ layout, port, secretFile }) => ({
    POLYVIRT_PORT: String(port),
    POLYVIRT_DATABASE_URL: `sqlite:${layout.database}`,
    POLYVIRT_JWT_SECRET_FILE: secretFile(gatewaySecret),
    POLYVIRT_JWT_PREVIOUS_SECRETS_FILE: secretFile(formerOf(gatewaySecret)),
    POLYVIRT_ADMIN_PASSWORD_FILE: secretFile('admin-password'),
    POLYVIRT_NATS_SIGNING_KEY_FILE: secretFile('nats-signing-key'),
    POLYVIRT_RUN_TOKEN_FILE: secretFile(runToken),
    POLYVIRT_ARCHIVE_PATH: layout.archives,
    POLYVIRT_SPACE_PATHS: layout.nats,
    POLYVIRT_UPLOAD_PATH: layout.uploads,
  }),
  passedOn: [
    ...EVERYWHERE,
    'POLYVIRT_ARCHIVE_PATH',
    'POLYVIRT_COMPAT',
    'POLYVIRT_COMPAT_NETWORKS',
    'POLYVIRT_COMPAT_PORT',
    'POLYVIRT_COMPAT_READ_NETWORKS',
    'POLYVIRT_DATABASE_URL',
    'POLYVIRT_DATABASE_URL_FILE',
    'POLYVIRT_HOST_MESSAGES_PER_SECOND',
    'POLYVIRT_HOST_MIB_PER_SECOND',
    'POLYVIRT_HOST_NAMES',
    'POLYVIRT_HOST_STORED_MIB',
    'POLYVIRT_LISTEN',
    'POLYVIRT_METRICS_ACCESS',
    'POLYVIRT_PUBLIC_URL',
    'POLYVIRT_RATE_LIMIT',
    'POLYVIRT_SPACE_KEPT_MIB',
    'POLYVIRT_SPACE_PATHS',
    'POLYVIRT_TRUST_PROXY',
    'POLYVIRT_UPLOAD_MAX_GIB',
    'POLYVIRT_UPLOAD_PATH',
  ],
};

const organizer: ServiceDefinition = {
  name: 'organizer',
  projects: ['@polyvirt/organizer'],
  entry: 'apps/organizer/dist/main.js',
  bus: 'organizer',
  secrets: [],
  settings: ({ layout }) => ({ POLYVIRT_ARCHIVE_PATH: layout.archives }),
  passedOn: [...EVERYWHERE, 'POLYVIRT_ARCHIVE_PATH'],
};

const kvmAgent: ServiceDefinition = {
  name: 'kvm-agent',
  projects: ['@polyvirt/kvm-agent'],
  entry: 'apps/kvm-agent/dist/main.js',
  nodeOptions: AGENT_NODE_OPTIONS,
  bus: { host: 'kvm-local' },
  secrets: [],
  settings: (stack) => ({
    ...ofAgent('kvm-local', stack),
    POLYVIRT_IMAGE_PATH: stack.layout.images,
  }),
  passedOn: [
    ...OF_AGENTS,
    'POLYVIRT_ACCELERATION',
    'POLYVIRT_LIBVIRT_URI',
    'POLYVIRT_LIBVIRT_SOCKET',
    'POLYVIRT_STORAGE_POOL',
    'POLYVIRT_STORAGE_PATH',
  ],
};

const vmwareAgent = (simulated: boolean): ServiceDefinition => ({
  name: 'vmware-agent',
  projects: ['@polyvirt/vmware-agent', ...(simulated ? ['@polyvirt/vmrun-simulator'] : [])],
  entry: 'apps/vmware-agent/dist/main.js',
  nodeOptions: AGENT_NODE_OPTIONS,
  bus: { host: 'vmware-local' },
  secrets: [],
  settings: (stack) => ({
    ...ofAgent('vmware-local', stack),
    POLYVIRT_IMAGE_PATH: stack.layout.images,
    ...(simulated && settingsOfSimulator(stack.layout.workstation)),
  }),
  passedOn: [
    ...OF_AGENTS,
    'POLYVIRT_GUEST_OS',
    'POLYVIRT_HARDWARE_VERSION',
    'POLYVIRT_TEMPLATE_CLONE',
    'POLYVIRT_TEMPLATE_PATH',
    'POLYVIRT_VM_MORE_PATHS',
    'POLYVIRT_VM_PATH',
    'POLYVIRT_VMRUN_CALLS',
    'POLYVIRT_VMRUN_CODE_PAGE',
    'POLYVIRT_VMRUN_PATH',
    'POLYVIRT_VMWARE_INVENTORY',
    'POLYVIRT_VMWARE_NETWORKS',
  ],
});

const prismSimulator: ServiceDefinition = {
  name: 'prism-simulator',
  projects: ['@polyvirt/prism-simulator'],
  entry: 'simulators/prism/bin/prism-simulator',
  args: ({ layout, prismPort }) => ['--port', String(prismPort), '--data-dir', layout.prism],
  bus: undefined,
  secrets: [],
  settings: () => ({}),
  passedOn: [],
};

const nutanixAgent = (simulated: boolean): ServiceDefinition => ({
  name: 'nutanix-agent',
  projects: ['@polyvirt/nutanix-agent'],
  entry: 'apps/nutanix-agent/dist/main.js',
  nodeOptions: AGENT_NODE_OPTIONS,
  bus: { host: 'nutanix-local' },
  secrets: [],
  settings: ({ layout, prismPort, ...stack }) => ({
    ...ofAgent('nutanix-local', { layout, prismPort, ...stack }),
    ...(simulated && {
      POLYVIRT_SIMULATED: 'true',
      POLYVIRT_PRISM_ADDRESS: `127.0.0.1:${prismPort}`,
      POLYVIRT_PRISM_CA_FILE: join(layout.prism, 'tls/certificate.pem'),
      POLYVIRT_PRISM_CLUSTER: 'cluster-a',
      // Everybody knows that of the simulator, as everybody knows the first one of the product.
      POLYVIRT_PRISM_PASSWORD: 'nutanix/4u',
    }),
  }),
  passedOn: simulated
    ? OF_AGENTS
    : [
        ...OF_AGENTS,
        'POLYVIRT_PRISM_ADDRESS',
        'POLYVIRT_PRISM_AUTH',
        'POLYVIRT_PRISM_CA',
        'POLYVIRT_PRISM_CA_FILE',
        'POLYVIRT_PRISM_CLUSTER',
        'POLYVIRT_PRISM_FINGERPRINT',
        'POLYVIRT_PRISM_PASSWORD',
        'POLYVIRT_PRISM_PASSWORD_FILE',
        'POLYVIRT_PRISM_SHUTDOWN',
        'POLYVIRT_PRISM_TLS',
        'POLYVIRT_PRISM_USERNAME',
        'POLYVIRT_PRISM_WATCH_MS',
      ],
});

/** Name of the secret with which a service is known on the bus. */
export function busSecretOf({ name }: ServiceDefinition): string {
  return `nats-${name}.creds`;
}

/** What programs need of their surroundings, on Windows too. */
const INHERITED = [
  ...['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'SystemRoot', 'APPDATA', 'LOCALAPPDATA', 'USERPROFILE', 'TEMP'],
  ...['TMP', 'PATHEXT', 'ComSpec', 'ProgramData', 'ProgramFiles', 'ProgramFiles(x86)'],
];

/** Names mean the same in any case on Windows, where the PATH is often called Path; a copy of the environment does not know. */
function valueOf(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const exact = environment[name];
  if (exact !== undefined || process.platform !== 'win32') return exact;
  const found = Object.keys(environment).find((one) => one.toLowerCase() === name.toLowerCase());
  return found === undefined ? undefined : environment[found];
}

/** The whole environment of a service: of the caller's, only what every program needs and what the service passes on. */
export function environmentOf(service: ServiceDefinition, stack: Stack, caller: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given: Record<string, string> = {};
  for (const name of [...INHERITED, ...service.passedOn]) {
    const value = valueOf(caller, name);
    if (value) given[name] = value;
  }
  const settings = service.settings(stack);
  // A value has precedence over a file, so that ours must not stand beside a file of the caller's.
  for (const name of Object.keys(given)) if (name.endsWith('_FILE')) delete settings[name.slice(0, -'_FILE'.length)];
  return {
    ...settings,
    ...(service.bus !== undefined && {
      POLYVIRT_NATS_URL: stack.natsUrl,
      POLYVIRT_NATS_CREDENTIALS_FILE: stack.secretFile(busSecretOf(service)),
    }),
    ...given,
  };
}
