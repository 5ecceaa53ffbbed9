import { renderConfiguration, type ConfigDefinition } from '@polyvirt/config';

const introduction = `# Configuration

Every service reads its settings from the environment, once, at its start. All faults are reported together and the service
ends with exit code 78; a variable that begins with \`POLYVIRT_\` and is not listed here is such a fault. \`<NAME>_FILE\` names a
file that holds the value of \`<NAME>\`, which is how secrets are handed over. \`npm start\` sets all of it by itself.

This page is generated from the declarations (\`npm run api\`).
`;

/** Name of each app and the module of its settings, after the build. */
const apps: readonly { app: string; module: string; definition: string }[] = [
  { app: 'gateway', module: '../../../apps/gateway/dist/config.js', definition: 'gatewayConfig' },
  { app: 'organizer', module: '../../../apps/organizer/dist/config.js', definition: 'organizerConfig' },
  { app: 'vmware-agent', module: '../../../apps/vmware-agent/dist/config.js', definition: 'vmwareAgentConfig' },
  { app: 'nutanix-agent', module: '../../../apps/nutanix-agent/dist/config.js', definition: 'nutanixAgentConfig' },
  { app: 'kvm-agent', module: '../../../apps/kvm-agent/dist/config.js', definition: 'kvmAgentConfig' },
];

/** The text of `docs/configuration.md`. Throws when an app does not export its settings under the name above. */
export async function configurationPage(): Promise<string> {
  const definitions = await Promise.all(
    apps.map(async ({ app, module, definition: name }) => {
      const exports = (await import(new URL(module, import.meta.url).href)) as Record<
        string,
        ConfigDefinition | undefined
      >;
      const definition = exports[name];
      if (!definition) throw new Error(`${module} exports no ${name}`);
      return { app, definition };
    }),
  );
  return `${introduction}\n${renderConfiguration(definitions)}`;
}
