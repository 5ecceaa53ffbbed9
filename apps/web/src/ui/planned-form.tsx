import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Call } from '../api/calls.ts';
import { useLink } from '../live/live.tsx';
import { useChange } from './change.ts';
import { PlanView, useReview, type Review } from './plan.tsx';
import { ReasonedButton } from './reasoned.tsx';
import { ProblemAlert } from './states.tsx';

export interface Planned {
  readonly call: Call;
  readonly review: Review;
  /** Why it cannot be sent now. */
  readonly obstacle: string | undefined;
  readonly isBusy: boolean;
  /** What has to be typed before data is lost; undefined as long as none is. */
  readonly toType: string | undefined;
  readonly typed: string;
  /** What the change was refused for, or would be. */
  readonly refusal: Error | undefined;
  type(text: string): void;
  /** Asks for the plan first, then makes the change that was planned. */
  submit(): void;
  /** Forgets what was refused. */
  reset(): void;
}

interface Options {
  readonly isReady: boolean;
  readonly ifMatch?: string | undefined;
  /** Whether the plan is there without being asked for, as where there is nothing to fill in. */
  readonly atOnce?: boolean;
  /** Name that has to be typed when the plan says that data is lost. */
  readonly lossOf?: string;
  /** Whether it has to be typed even when none is. */
  readonly typesAlways?: boolean;
  onDone(): void;
}

/** A change that is planned before it is made; once made, `onDone` is called. Nothing happens until it is ready. */
export function usePlanned(call: Call, options: Options): Planned {
  const { t } = useTranslation();
  const { isReady, ifMatch, atOnce = false, lossOf, typesAlways = false, onDone } = options;
  const change = useChange();
  const review = useReview(call, ifMatch, atOnce && isReady);
  const [typed, type] = useState('');
  const toType = typesAlways || review.plan?.disruption === 'data-loss' ? lossOf : undefined;
  const obstacle =
    useLink().state === 'lost'
      ? t('obstacle.link')
      : !isReady
        ? t('plan.unready')
        : toType !== undefined && typed !== toType
          ? t('delete.type', { name: toType })
          : undefined;
  return {
    call,
    review,
    toType,
    typed,
    type,
    obstacle,
    isBusy: change.isPending || review.isPending,
    refusal: change.error ?? review.error,
    submit: () => {
      if (obstacle !== undefined || change.isPending || review.isPending) return;
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
  readonly children?: ReactNode;
  onCancel(): void;
}

/** The form of such a change: its fields, its plan, what speaks against it, and the button for the next step. */
export function PlannedForm({ planned, verb, isPlaced, children, onCancel }: Props) {
  const { t } = useTranslation();
  const { review, refusal } = planned;
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
        {planned.toType !== undefined && (
          <TextInput
            label={t('delete.type', { name: planned.toType })}
            autoComplete="off"
            data-autofocus
            value={planned.typed}
            onChange={({ currentTarget }) => planned.type(currentTarget.value)}
          />
        )}
        {refusal && !isPlaced && <ProblemAlert error={refusal} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t('common.cancel')}
          </Button>
          <ReasonedButton
            type="submit"
            {...(planned.toType !== undefined && { color: 'red.9' })}
            loading={planned.isBusy}
            reason={planned.obstacle}
          >
            {review.plan ? verb : t('plan.review')}
          </ReasonedButton>
        </Group>
      </Stack>
    </form>
  );
}
