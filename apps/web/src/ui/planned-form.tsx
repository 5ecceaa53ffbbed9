import { Button, Group, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Call } from '../api/changes.ts';
import { useChange } from './change.ts';
import { PlanView, useReview, type Review } from './plan.tsx';
import { ProblemAlert } from './states.tsx';

export interface Planned {
  readonly call: Call;
  readonly review: Review;
  readonly isReady: boolean;
  readonly isBusy: boolean;
  /** What the change was refused for, or would be. */
  readonly refusal: Error | undefined;
  /** Asks for the plan first, then makes the change that was planned. */
  submit(): void;
  /** Forgets what was refused. */
  reset(): void;
}

/** A change that is planned before it is made; once made, `onDone` is called. Nothing happens until it is ready. */
export function usePlanned(
  call: Call,
  { isReady, ifMatch, onDone }: { isReady: boolean; ifMatch?: string | undefined; onDone(): void },
): Planned {
  const change = useChange();
  const review = useReview(call, ifMatch);
  return {
    call,
    review,
    isReady,
    isBusy: change.isPending || review.isPending,
    refusal: change.error ?? review.error,
    submit: () => {
      if (!isReady) return;
      if (review.plan) change.mutate({ call, ...(ifMatch !== undefined && { ifMatch }) }, { onSuccess: onDone });
      else {
        change.reset();
        review.ask();
      }
    },
    reset: change.reset,
  };
}

interface Props {
  readonly planned: Planned;
  /** What the button says once there is a plan. */
  readonly verb: string;
  /** Whether what was refused is shown at its field already. */
  readonly isPlaced: boolean;
  readonly children: ReactNode;
  onCancel(): void;
}

/** The form of such a change: its fields, its plan, what speaks against it, and the button for the next step. */
export function PlannedForm({ planned, verb, isPlaced, children, onCancel }: Props) {
  const { t } = useTranslation();
  const { review, refusal, isReady } = planned;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        planned.submit();
      }}
    >
      <Stack>
        {children}
        <PlanView review={review} call={planned.call} />
        {refusal && !isPlaced && <ProblemAlert error={refusal} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t('common.cancel')}
          </Button>
          <Button
            type="submit"
            loading={planned.isBusy}
            {...(!isReady && { 'data-disabled': true, 'aria-disabled': true })}
          >
            {review.plan ? verb : t('plan.review')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
