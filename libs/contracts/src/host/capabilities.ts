import { z } from 'zod';

/** The optional facets of a driver, and the features at which hosts that have a facet still differ. */
export const capabilityFeatures = {
  suspend: ['suspend', 'pause'],
  reconfigure: [
    'nameLive',
    'cpusLive',
    'memoryLive',
    'bootOrder',
    'template',
    'autostart',
    'disksLive',
    'growWithSnapshots',
    'addDisksLive',
    'removeDisksLive',
    'keepDisks',
    'attachVolumes',
    'nicsLive',
    'nicsInPlace',
    'nicsInPlaceLive',
    'nicLink',
    'nicLinkLive',
    'cdrom',
    'cdromLive',
    'dropPending',
  ],
  clone: ['linked', 'linkedOfSnapshot', 'running'],
  snapshots: ['memory', 'runningWithoutMemory', 'uefi'],
  metrics: [],
  watch: [],
  console: ['graphic', 'text'],
  images: ['fromUrl', 'fromUpload', 'delete'],
  volumes: [],
  networks: ['fixedAddresses', 'ipv6'],
  guest: [],
  export: [],
} as const satisfies Record<string, readonly string[]>;

export type CapabilityName = keyof typeof capabilityFeatures;
export const capabilityNames = Object.keys(capabilityFeatures) as CapabilityName[];

/** One feature: `suspend.pause`. */
export type FeatureRef = {
  [Name in CapabilityName]: `${Name}.${(typeof capabilityFeatures)[Name][number]}`;
}[CapabilityName];

/** A whole capability, or one feature of it. */
export type CapabilityRef = CapabilityName | FeatureRef;

const availability = {
  available: z.boolean(),
  reason: z.string().optional().describe('Why not; present exactly when it is not available.'),
} as const;

const Capability = z.object({
  ...availability,
  features: z
    .record(z.string(), z.object(availability))
    .optional()
    .describe('Parts of it at which hosts differ. One that is not listed is available exactly when the capability is.'),
});
export type Capability = z.infer<typeof Capability>;

export const Capabilities = z
  .object(
    Object.fromEntries(capabilityNames.map((name) => [name, Capability])) as Record<CapabilityName, typeof Capability>,
  )
  .meta({ id: 'Capabilities' });
export type Capabilities = z.infer<typeof Capabilities>;

/** The capability that a reference is about, and its feature if it names one. */
export function splitRef(ref: CapabilityRef): { readonly name: CapabilityName; readonly feature?: string } {
  const [name, feature] = ref.split('.') as [CapabilityName, string | undefined];
  return feature === undefined ? { name } : { name, feature };
}

/** Whether a host says outright that it has a feature. */
export function hasFeature(capabilities: Capabilities, ref: FeatureRef): boolean {
  const { name, feature } = splitRef(ref);
  const whole = capabilities[name];
  return whole.available && feature !== undefined && whole.features?.[feature]?.available === true;
}

/** Why a host cannot do something; undefined when it can. */
export function lackOf(capabilities: Capabilities, ref: CapabilityRef): string | undefined {
  const { name, feature } = splitRef(ref);
  const whole = capabilities[name];
  if (!whole.available) return whole.reason ?? `This host has no ${name}.`;
  const part = feature === undefined ? undefined : whole.features?.[feature];
  return !part || part.available ? undefined : (part.reason ?? `This host has no ${ref}.`);
}
