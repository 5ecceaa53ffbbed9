import { packTarball, type Tarball } from './tarball.ts';

const drivers = ['kvm', 'vmware', 'nutanix'];

/** `polyvirt-agent`, with the agents of all hypervisors. */
export const agentTarball: Tarball = {
  folder: 'apps/agent',
  program: 'polyvirt-agent',
  modules: {
    main: 'apps/agent/dist/main.js',
    ...Object.fromEntries(drivers.map((driver) => [`${driver}-agent`, `apps/${driver}-agent/dist/main.js`])),
  },
  readme:
    '# polyvirt-agent\n\nJoins a machine as a host of Polyvirt, and runs the agent of its hypervisor: `polyvirt-agent --help`.\n',
};

/** `polyvirt-server`: gateway, organizer, web console, and what is done beside them on the machine. */
export const serverTarball: Tarball = {
  folder: 'apps/server',
  program: 'polyvirt-server',
  modules: {
    main: 'apps/server/dist/main.js',
    gateway: 'apps/gateway/dist/main.js',
    organizer: 'apps/organizer/dist/main.js',
    'reset-password': 'apps/gateway/dist/users/reset-password.main.js',
  },
  packages: {
    // Their parts in machine code, for each platform, are found beside them.
    bcrypt: ['bcrypt.js', 'promises.js', 'prebuilds', 'LICENSE'],
    'node-gyp-build': ['index.js', 'node-gyp-build.js', 'LICENSE'],
    'better-sqlite3': ['lib', 'prebuilds', 'LICENSE'],
    'swagger-ui-dist': [
      ...['absolute-path.js', 'index.js', 'swagger-ui-bundle.js', 'swagger-ui-standalone-preset.js', 'swagger-ui.css'],
      ...['favicon-16x16.png', 'favicon-32x32.png', 'index.html', 'LICENSE', 'NOTICE'],
    ],
  },
  folders: { web: 'apps/web/dist' },
  readme:
    '# polyvirt-server\n\nThe gateway of Polyvirt, the organizer and the web console: `polyvirt-server --help`.\n',
};

export const packAgent = (into?: string): string => packTarball(agentTarball, into);
export const packServer = (into?: string): string => packTarball(serverTarball, into);
