import { agentSettings } from '@polyvirt/agent-kit';
import { defineConfig, setting } from '@polyvirt/config';
import { z } from 'zod';

const DEFAULT_PORT = '9440';

/** `10.0.0.100`, `prism.example:9440` and `https://prism.example:9440` all name the same kind of place. */
export function prismUrl(address: string): string {
  const url = new URL(/^https?:\/\//.test(address) ? address : `https://${address}`);
  if (!/:\d+\/?$/.test(address)) url.port = DEFAULT_PORT;
  return url.origin;
}

const address = z
  .string()
  .min(1)
  .refine(
    (text) => /^(?:https:\/\/)?[^\s/]+\/?$/.test(text),
    'An address is a host name or IP, with or without a port.',
  )
  .transform(prismUrl);

export const nutanixAgentConfig = defineConfig({
  ...agentSettings,
  prismAddress: setting({
    env: 'POLYVIRT_PRISM_ADDRESS',
    schema: address,
    help: 'Where Prism Central is: `10.0.0.100`, or `prism.example:9440`. The port is 9440 when none is given.',
  }),
  prismUsername: setting({
    env: 'POLYVIRT_PRISM_USERNAME',
    schema: z.string().min(1),
    help: 'User of Prism Central that the agent works as.',
    default: 'admin',
  }),
  prismPassword: setting({
    env: 'POLYVIRT_PRISM_PASSWORD',
    schema: z.string().min(1),
    help: 'Password of that user. It never leaves the agent.',
    secret: true,
  }),
  prismCluster: setting({
    env: 'POLYVIRT_PRISM_CLUSTER',
    schema: z.string().min(1).optional(),
    help: 'Name or UUID of the cluster that new VMs go to; needed where there are several. A VM goes to the cluster of its network.',
  }),
  prismCa: setting({
    env: 'POLYVIRT_PRISM_CA',
    schema: z.string().includes('-----BEGIN CERTIFICATE-----').optional(),
    help: 'Certificate, in PEM, of the authority of Prism Central, or its own when it is self-signed.',
  }),
  prismFingerprint: setting({
    env: 'POLYVIRT_PRISM_FINGERPRINT',
    schema: z
      .string()
      .regex(/^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/, 'A SHA-256 fingerprint has 32 bytes in hex.')
      .optional(),
    help: 'SHA-256 fingerprint of the certificate of Prism Central, to trust that one and no other.',
  }),
  prismTls: setting({
    env: 'POLYVIRT_PRISM_TLS',
    schema: z.enum(['verify', 'waive']),
    help: 'Whether the certificate of Prism Central is verified. `waive` gives the password to whoever answers.',
    default: 'verify',
  }),
  prismAuth: setting({
    env: 'POLYVIRT_PRISM_AUTH',
    schema: z.enum(['session', 'basic']),
    help: 'Log in once and show the cookie, or send the password with each call.',
    default: 'session',
  }),
  prismShutdown: setting({
    env: 'POLYVIRT_PRISM_SHUTDOWN',
    schema: z.enum(['auto', 'acpi', 'guest']),
    help: 'How guests are asked to shut down: by the power button, through Nutanix Guest Tools, or through them where they answer.',
    default: 'auto',
  }),
  prismWatchMs: setting({
    env: 'POLYVIRT_PRISM_WATCH_MS',
    schema: z.coerce.number().int().min(100).max(60_000),
    help: 'How often Prism Central is asked what has changed, in milliseconds.',
    default: 750,
  }),
  simulated: setting({
    env: 'POLYVIRT_SIMULATED',
    schema: z.stringbool(),
    help: 'Whether the Prism Central is a simulator; it is then marked as one everywhere.',
    default: false,
  }),
});
