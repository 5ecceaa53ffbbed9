import { isEnded, type Operation, type OperationStatus } from '@polyvirt/contracts';

const rank = (status: OperationStatus): number => (isEnded(status) ? 2 : status === 'running' ? 1 : 0);

/**
 * What is known of an operation after an event told more. Events may come twice, late or not at all, so this only ever
 * goes forward: the first end is the end, and a running operation never loses progress, nor that it is to stop. Who asked for
 * what is ours; an agent cannot change it. Answers `known` itself when the event was no news.
 */
export function advance(known: Operation, told: Operation): Operation {
  const isAhead = isNews(known, told);
  const cancelRequestedAt = known.cancelRequestedAt ?? notBefore(known.createdAt, told.cancelRequestedAt);
  const isToStopNow = cancelRequestedAt !== known.cancelRequestedAt && !isEnded(known.status);
  if (!isAhead && !isToStopNow) return known;
  const latest = isAhead ? told : known;
  const { status, progress, steps, changed, result, error } = latest;
  const vmId = known.vmId ?? told.vmId;
  // The clock of an agent may be behind ours; nothing ends before it was asked for.
  const startedAt = notBefore(known.createdAt, latest.startedAt ?? known.startedAt);
  const endedAt = notBefore(startedAt ?? known.createdAt, latest.endedAt);
  return {
    id: known.id,
    verb: known.verb,
    status,
    ...(known.host !== undefined && { host: known.host }),
    ...(vmId !== undefined && { vmId }),
    progress,
    steps,
    requestedBy: known.requestedBy,
    createdAt: known.createdAt,
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
    ...(cancelRequestedAt !== undefined && { cancelRequestedAt }),
    ...(changed !== undefined && { changed }),
    ...(result !== undefined && { result }),
    ...(error !== undefined && { error }),
    ...(known.parent !== undefined && { parent: known.parent }),
    ...(known.retryOf !== undefined && { retryOf: known.retryOf }),
  };
}

const notBefore = (earliest: string, time: string | undefined): string | undefined =>
  time !== undefined && Date.parse(time) < Date.parse(earliest) ? earliest : time;

function isNews(known: Operation, told: Operation): boolean {
  const difference = rank(told.status) - rank(known.status);
  if (difference !== 0) return difference > 0;
  if (isEnded(known.status)) return false;
  const before = advancement(known);
  const after = advancement(told);
  const at = after.findIndex((value, n) => value !== before[n]);
  return at >= 0 && after[at]! > before[at]!;
}

/** How far it has come, most telling part first. Undoing a step is going on, not back. */
const advancement = ({ steps, progress }: Operation): number[] => [
  steps.length,
  steps.filter((step) => step.status === 'undone').length,
  steps.filter((step) => step.status !== 'running').length,
  progress,
];
