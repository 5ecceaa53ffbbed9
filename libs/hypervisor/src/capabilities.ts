import { capabilityNames, type Capabilities, type CapabilityName } from '@polyvirt/contracts';

/** Which capabilities a driver does not have, each with the reason that users read. */
export type Absences = Readonly<Partial<Record<CapabilityName, string | undefined>>>;

/** All capabilities but those that have a reason to be absent. */
export function capabilitiesWithout(absences: Absences): Capabilities {
  const entries = capabilityNames.map((name) => {
    const reason = absences[name];
    return [name, reason === undefined ? { available: true } : { available: false, reason }] as const;
  });
  return Object.fromEntries(entries) as Capabilities;
}
