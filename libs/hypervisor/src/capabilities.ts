import {
  capabilityFeatures,
  capabilityNames,
  type Capabilities,
  type Capability,
  type CapabilityName,
  type CapabilityRef,
} from '@polyvirt/contracts';

/** Which capabilities, and which features of capabilities, a driver does not have, each with the reason that users read. */
export type Absences = Readonly<Partial<Record<CapabilityRef, string | undefined>>>;

/** All capabilities and features but those that have a reason to be absent. */
export function capabilitiesWithout(absences: Absences): Capabilities {
  const entries = capabilityNames.map((name) => [name, capability(name, absences)] as const);
  return Object.fromEntries(entries) as Capabilities;
}

function capability(name: CapabilityName, absences: Absences): Capability {
  const whole = availability(absences[name]);
  const features = capabilityFeatures[name].map(
    (feature) => [feature, availability(absences[`${name}.${feature}` as CapabilityRef])] as const,
  );
  return whole.available && features.length > 0 ? { ...whole, features: Object.fromEntries(features) } : whole;
}

const availability = (reason: string | undefined) =>
  reason === undefined ? { available: true } : { available: false, reason };
