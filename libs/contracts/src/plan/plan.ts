import { z } from 'zod';
import { VmId } from '../ids.ts';
import { Problem } from '../problem/problem.ts';

/** From the least to the worst. */
export const disruptions = ['none', 'guest-restart', 'power-cycle', 'data-loss'] as const;

export const Disruption = z
  .enum(disruptions)
  .describe(
    'What the machine suffers: `guest-restart` is an orderly shutdown, `power-cycle` a power cut, `data-loss` means that disks, saved memory or what has happened since a snapshot are gone.',
  )
  .meta({ id: 'Disruption' });
export type Disruption = z.infer<typeof Disruption>;

/** The worst of several; `none` of none. */
export const worstOf = (all: Iterable<Disruption>): Disruption =>
  disruptions[Math.max(0, ...[...all].map((one) => disruptions.indexOf(one)))]!;

const value = z.unknown().optional();

/** A value of a VM that waits for its next power-off. */
export const PendingChange = z
  .object({
    pointer: z.string().describe('JSON pointer into the VM: `/cpus`. The end of a list is `-`.'),
    from: value.describe('What it is now; absent when there is nothing, or when the host cannot tell.'),
    to: value.describe('What it will be; absent when there will be nothing.'),
  })
  .meta({ id: 'PendingChange' });
export type PendingChange = z.infer<typeof PendingChange>;

export const PlanChange = PendingChange.extend({
  when: z.enum(['now', 'next-power-off']).describe('`next-power-off`: the running VM keeps what it has until then.'),
}).meta({ id: 'PlanChange' });
export type PlanChange = z.infer<typeof PlanChange>;

export const PlanWarning = z
  .object({
    code: z.string().describe('Stable: `overcommit`.'),
    detail: z.string(),
    pointer: z.string().optional().describe('JSON pointer into the body of the request.'),
  })
  .meta({ id: 'PlanWarning' });
export type PlanWarning = z.infer<typeof PlanWarning>;

/** What a change would do. Nothing has been done. */
export const Plan = z
  .object({
    changes: z.array(PlanChange).describe('Empty when the VM is as asked for already.'),
    disruption: Disruption,
    steps: z
      .array(
        z.object({
          name: z.string(),
          native: z.string().optional().describe('The call that would be made to the hypervisor, without secrets.'),
        }),
      )
      .describe('As far as they are known beforehand.'),
    warnings: z.array(PlanWarning).describe('What speaks against it and does not prevent it.'),
    partial: z.boolean().describe('Whether the host could not be asked, so that it may still refuse.'),
  })
  .meta({ id: 'Plan' });
export type Plan = z.infer<typeof Plan>;

/** The plan of a batch: for each VM the plan of its part, or the problem that the part would end with. */
export const BatchPlan = z
  .object({
    items: z.array(z.object({ vmId: VmId, plan: Plan.optional(), problem: Problem.optional() })),
    disruption: Disruption.describe('The worst of all parts.'),
  })
  .meta({ id: 'BatchPlan' });
export type BatchPlan = z.infer<typeof BatchPlan>;

/** What a command can say of its effect by the record of a VM alone. Without changes, nothing is to be done. */
export interface Outline {
  readonly changes: readonly PlanChange[];
  readonly disruption?: Disruption;
  readonly warnings?: readonly PlanWarning[];
}

/**
 * What a driver knows beforehand and the outline does not say. A change is laid over that of the same pointer, and a field
 * that it leaves out stays; warnings are added; the rest stands in the place of what was derived.
 */
export interface Forecast {
  readonly changes?: readonly (Pick<PlanChange, 'pointer'> & Partial<PlanChange>)[];
  readonly disruption?: Disruption;
  readonly steps?: Plan['steps'];
  readonly warnings?: readonly PlanWarning[];
}

/** The outline with what the driver knows of it. */
export function planFrom(outline: Outline, forecast: Forecast, partial = false): Plan {
  const changes = outline.changes.map((change) => ({
    ...change,
    ...forecast.changes?.find(({ pointer }) => pointer === change.pointer),
  }));
  const isOutlined = ({ pointer }: { pointer: string }) => changes.some((change) => change.pointer === pointer);
  const added = (forecast.changes ?? []).filter((change) => !isOutlined(change));
  return {
    changes: [...changes, ...added.map((change) => ({ when: 'now' as const, ...change }))],
    disruption: forecast.disruption ?? outline.disruption ?? 'none',
    steps: [...(forecast.steps ?? [])],
    warnings: [...(outline.warnings ?? []), ...(forecast.warnings ?? [])],
    partial,
  };
}
