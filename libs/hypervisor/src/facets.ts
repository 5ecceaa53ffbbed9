import { lackOf, ProblemError, type CapabilityName, type ConsoleKind } from '@polyvirt/contracts';
import type { ConsoleFacet, HypervisorDriver } from './driver.ts';

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

/** What opens consoles of a kind, or `capability-missing` with the reason that the host gives. */
export async function requireConsole(
  driver: HypervisorDriver,
  kind: ConsoleKind,
): Promise<NonNullable<ConsoleFacet[ConsoleKind]>> {
  const facet = await requireFacet(driver, 'console');
  const open = facet[kind];
  if (open) return (nativeId, signal) => open.call(facet, nativeId, signal);
  const { capabilities } = await driver.probe(AbortSignal.timeout(1_500));
  const reason = lackOf(capabilities, `console.${kind}`) ?? `This host has no ${kind} console.`;
  throw new ProblemError('capability-missing', reason);
}
