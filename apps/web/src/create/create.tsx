import { ApiProblem } from '@polyvirt/api-client';
import { Button, Group, Stack, Stepper, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import { queries } from '../api/queries.ts';
import { useLink } from '../live/live.tsx';
import { OperationList } from '../operations/operation-list.tsx';
import { createRouteOfMachine } from '../routes/router.tsx';
import { useChange } from '../ui/change.ts';
import { faultsOf } from '../ui/faults.ts';
import { PlanView, useReview } from '../ui/plan.tsx';
import { SavedViews } from '../ui/saved-views.tsx';
import { Empty, Guarded, PageTitle, ProblemAlert, QueryView } from '../ui/states.tsx';
import {
  bodyOf,
  draftOfQuery,
  emptyDraft,
  keptDraft,
  keepDraft,
  queryOfDraft,
  stepOfPointer,
  steps,
  type Draft,
} from './draft.ts';
import { GuestStep, NetworkStep, SizeStep, SourceStep, WhereStep } from './steps.tsx';

export function Create() {
  const { t } = useTranslation();
  return (
    <Guarded permission="vm:create">
      <PageTitle title={t('machines.create')} />
      <Wizard />
    </Guarded>
  );
}

/** From where it runs to the exact request; a draft survives a reload, and what the API refuses lands on its field. */
function Wizard() {
  const { t } = useTranslation();
  const { host } = createRouteOfMachine.useSearch();
  const hosts = useQuery(queries.hosts());
  const [draft, setDraft] = useState<Draft>(() => ({
    ...emptyDraft,
    ...keptDraft(),
    ...(host !== undefined && { host }),
  }));
  const [step, setStep] = useState(0);
  const [begun, setBegun] = useState<string>();
  const change = useChange();
  const link = useLink();
  useEffect(() => keepDraft(draft), [draft]);

  const edit = (next: Partial<Draft>) => {
    setDraft((was) => ({ ...was, ...next }));
    if (change.isError) change.reset();
  };
  const call = calls.create(bodyOf(draft));
  const review = useReview(call);
  const refusal = change.error ?? review.error;
  const problem = refusal instanceof ApiProblem ? refusal.problem : undefined;
  const fault = faultsOf(refusal);
  const missing =
    draft.host === ''
      ? t('create.needsHost')
      : draft.name.trim() === ''
        ? t('create.needsName')
        : link.state === 'lost'
          ? t('obstacle.link')
          : undefined;
  const last = step === steps.length - 1;
  const submit = () =>
    change.mutate(
      { call },
      {
        onSuccess: ({ id }) => {
          keepDraft(undefined);
          setBegun(id);
        },
      },
    );
  const goTo = (index: number) => {
    setStep(index);
    if (index === steps.length - 1 && missing === undefined) review.ask();
  };
  const next = () => {
    if (!last) goTo(step + 1);
    else if (missing === undefined) {
      if (review.plan) submit();
      else review.ask();
    }
  };
  // What is refused is shown at its field; only from the last step does it take somebody there.
  useEffect(() => {
    if (!(refusal instanceof ApiProblem)) return;
    const pointer = refusal.code === 'name-taken' ? '/name' : refusal.problem.errors?.[0]?.pointer;
    if (pointer !== undefined) setStep(stepOfPointer(pointer));
  }, [refusal]);

  if (begun !== undefined)
    return (
      <Begun
        operationId={begun}
        awaitsAddress={draft.start && draft.network !== ''}
        onBack={() => setBegun(undefined)}
      />
    );
  return (
    <QueryView of={hosts}>
      {(list) =>
        list.length === 0 ? (
          <Empty title={t('hosts.none')}>
            <Text>{t('hosts.noneDetail')}</Text>
          </Empty>
        ) : (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              next();
            }}
            onKeyDown={(event) => {
              if (event.altKey && event.key === 'ArrowLeft') {
                event.preventDefault();
                setStep(Math.max(0, step - 1));
              }
            }}
          >
            <Stack maw={820}>
              <Stepper active={step} onStepClick={goTo} size="sm">
                {steps.map((name) => (
                  <Stepper.Step key={name} label={t(`create.${name}`)} />
                ))}
              </Stepper>
              {step === 0 && (
                <WhereStep
                  draft={draft}
                  hosts={list}
                  edit={edit}
                  isTaken={problem?.code === 'name-taken'}
                  fault={(pointer) =>
                    pointer === '/name' && problem?.code === 'name-taken' ? problem.detail : fault(pointer)
                  }
                />
              )}
              {step === 1 && <SourceStep draft={draft} hosts={list} edit={edit} fault={fault} />}
              {step === 2 && <SizeStep draft={draft} hosts={list} edit={edit} fault={fault} />}
              {step === 3 && <NetworkStep draft={draft} hosts={list} edit={edit} fault={fault} />}
              {step === 4 && <GuestStep draft={draft} hosts={list} edit={edit} fault={fault} />}
              {last && <PlanView review={review} call={call} />}
              {refusal && <ProblemAlert error={refusal} />}
              {last && missing !== undefined && <Text role="alert">{missing}</Text>}
              <Group>
                {step > 0 && (
                  <Button variant="default" onClick={() => setStep(step - 1)}>
                    {t('create.back')}
                  </Button>
                )}
                <Button
                  type="submit"
                  loading={change.isPending || review.isPending}
                  {...(last && missing !== undefined && { 'data-disabled': true, 'aria-disabled': true })}
                >
                  {last ? t('machines.create') : t('create.next')}
                </Button>
                <Button variant="subtle" onClick={() => setDraft(emptyDraft)}>
                  {t('create.reset')}
                </Button>
                <SavedViews
                  page="create"
                  label={t('create.forms')}
                  query={() => queryOfDraft(draft)}
                  onOpen={(kept) => {
                    edit(draftOfQuery(kept));
                    setStep(0);
                  }}
                />
              </Group>
            </Stack>
          </form>
        )
      }
    </QueryView>
  );
}

interface BegunProps {
  readonly operationId: string;
  /** The machine is worth something once it can be reached. */
  readonly awaitsAddress: boolean;
  onBack(): void;
}

/** The steps while it is made, then the machine itself. */
function Begun({ operationId, awaitsAddress, onBack }: BegunProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const operation = useQuery(queries.operation(operationId));
  const { status, vmId } = operation.data ?? {};
  useEffect(() => {
    if (status === 'succeeded' && vmId !== undefined)
      void navigate({
        to: '/machines/$vmId',
        params: { vmId },
        search: awaitsAddress ? { await: 'address' } : {},
        replace: true,
      } as never);
  }, [status, vmId, awaitsAddress, navigate]);
  return (
    <QueryView of={operation}>
      {(known) => (
        <Stack maw={640}>
          <OperationList operations={[known]} latest={known.id} />
          {(known.status === 'failed' || known.status === 'cancelled') && (
            <Button variant="default" onClick={onBack}>
              {t('create.back')}
            </Button>
          )}
        </Stack>
      )}
    </QueryView>
  );
}
