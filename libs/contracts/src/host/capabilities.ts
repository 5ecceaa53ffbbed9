import { z } from 'zod';

/** The optional facets of a driver. */
export const capabilityNames = [
  'suspend',
  'reconfigure',
  'clone',
  'snapshots',
  'metrics',
  'watch',
  'console',
  'images',
  'networks',
  'guest',
  'export',
] as const;
export type CapabilityName = (typeof capabilityNames)[number];

const Capability = z.object({
  available: z.boolean(),
  reason: z.string().optional().describe('Why not; present exactly when it is not available.'),
});

export const Capabilities = z
  .object(
    Object.fromEntries(capabilityNames.map((name) => [name, Capability])) as Record<CapabilityName, typeof Capability>,
  )
  .meta({ id: 'Capabilities' });
export type Capabilities = z.infer<typeof Capabilities>;
