import { ProblemError, type CapabilityName } from '@polyvirt/contracts';
import type { HypervisorDriver } from './driver.ts';

/** The facet, or `capability-missing` with the reason that the host gives. */
export async function requireFacet<Name extends CapabilityName>(
  driver: HypervisorDriver,
  name: Name,
): Promise<NonNullable<HypervisorDriver[Name]>> {
  const facet = driver[name];
  if (facet !== undefined) return facet;
  const { capabilities } = await driver.probe(AbortSignal.timeout(1_500));
  throw new ProblemError('capability-missing', capabilities[name].reason ?? `This host has no ${name}.`);
}
