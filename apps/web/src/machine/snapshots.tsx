import { Badge, Button, Group, Stack, Switch, Text, TextInput, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { calls, type Call } from '../api/calls.ts';
import type { Snapshot, Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { unknown } from '../i18n/format.ts';
import { useObstacle } from '../machines/use-obstacle.ts';
import { Ago } from '../ui/ago.tsx';
import { useChange } from '../ui/change.ts';
import { Dialog } from '../ui/dialog.tsx';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { Empty, ProblemAlert, QueryView } from '../ui/states.tsx';
import { solid } from '../ui/colours.ts';

/** The tree of snapshots, where the machine stands in it, and what going back would lose. */
export function Snapshots({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const obstacle = useObstacle();
  const list = useQuery(queries.snapshots(vm.id));
  const [taking, setTaking] = useState(false);
  const [asked, setAsked] = useState<{ snapshot: Snapshot; what: 'revert' | 'delete' }>();
  const reason = obstacle('snapshot', vm);
  return (
    <Stack>
      <Group>
        <ReasonedButton reason={reason} onClick={() => setTaking(true)}>
          {t('snapshots.take')}
        </ReasonedButton>
      </Group>
      <QueryView of={list}>
        {(snapshots) =>
          snapshots.length === 0 ? (
            <Empty title={t('snapshots.none')} />
          ) : (
            <ul role="tree" aria-label={t('tab.snapshots')}>
              {snapshots
                .filter(({ parent }) => parent === null || !snapshots.some(({ id }) => id === parent))
                .map((root) => (
                  <Branch
                    key={root.id}
                    snapshot={root}
                    all={snapshots}
                    level={1}
                    onAsk={(snapshot, what) => setAsked({ snapshot, what })}
                    reasons={{ revert: obstacle('revert', vm), delete: obstacle('removeSnapshot', vm) }}
                  />
                ))}
            </ul>
          )
        }
      </QueryView>
      {taking && <TakeDialog vm={vm} onClose={() => setTaking(false)} />}
      {asked && (
        <SureDialog
          title={t(`snapshots.${asked.what}Title`, { name: asked.snapshot.name })}
          detail={t(`snapshots.${asked.what}Detail`)}
          call={
            asked.what === 'revert'
              ? calls.revert(vm.id, asked.snapshot.id)
              : calls.removeSnapshot(vm.id, asked.snapshot.id)
          }
          verb={t(`snapshots.${asked.what}`)}
          onClose={() => setAsked(undefined)}
        />
      )}
    </Stack>
  );
}

interface BranchProps {
  readonly snapshot: Snapshot;
  readonly all: readonly Snapshot[];
  readonly level: number;
  /** Why neither can be done now. */
  readonly reasons: Readonly<Record<'revert' | 'delete', string | undefined>>;
  onAsk(snapshot: Snapshot, what: 'revert' | 'delete'): void;
}

function Branch({ snapshot, all, level, onAsk, reasons }: BranchProps) {
  const { t } = useTranslation();
  const children = all.filter(({ parent }) => parent === snapshot.id);
  return (
    <li
      role="treeitem"
      aria-level={level}
      aria-label={snapshot.name}
      aria-expanded={children.length > 0 ? true : undefined}
      aria-current={snapshot.current || undefined}
    >
      <Group gap="xs" py={4}>
        <Text fw={600}>{snapshot.name}</Text>
        {snapshot.current && <Badge color={solid.busy}>{t('snapshots.current')}</Badge>}
        {snapshot.memory && <Badge color={solid.calm}>{t('snapshots.memory')}</Badge>}
        <Text size="sm">{snapshot.createdAt ? <Ago at={snapshot.createdAt} /> : unknown}</Text>
        {snapshot.description && <Text size="sm">{snapshot.description}</Text>}
        <ReasonedButton size="xs" variant="default" reason={reasons.revert} onClick={() => onAsk(snapshot, 'revert')}>
          {t('snapshots.revert')}
        </ReasonedButton>
        <ReasonedButton size="xs" variant="default" reason={reasons.delete} onClick={() => onAsk(snapshot, 'delete')}>
          {t('snapshots.delete')}
        </ReasonedButton>
      </Group>
      {children.length > 0 && (
        <ul role="group">
          {children.map((child) => (
            <Branch key={child.id} snapshot={child} all={all} level={level + 1} onAsk={onAsk} reasons={reasons} />
          ))}
        </ul>
      )}
    </li>
  );
}

function TakeDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChange();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [memory, setMemory] = useState(false);
  const ready = name.trim() !== '';
  const running = vm.state === 'running' || vm.state === 'paused';
  const body = { name: name.trim(), ...(description && { description }), ...(running && { memory }) };
  return (
    <Dialog title={t('snapshots.take')} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) change.mutate({ call: calls.snapshot(vm.id, body) }, { onSuccess: onClose });
        }}
      >
        <Stack>
          <TextInput
            label={t('column.name')}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
            data-autofocus
          />
          <Textarea
            label={t('snapshots.description')}
            value={description}
            onChange={({ currentTarget }) => setDescription(currentTarget.value)}
          />
          <Switch
            label={t('snapshots.withMemory')}
            description={running ? undefined : t('snapshots.noMemory')}
            disabled={!running}
            checked={running && memory}
            onChange={({ currentTarget }) => setMemory(currentTarget.checked)}
          />
          {change.isError && <ProblemAlert error={change.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button
              type="submit"
              loading={change.isPending}
              {...(!ready && { 'data-disabled': true, 'aria-disabled': true })}
            >
              {t('snapshots.take')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

interface SureProps {
  readonly title: string;
  readonly detail: string;
  readonly call: Call;
  readonly verb: string;
  onClose(): void;
}

function SureDialog({ title, detail, call, verb, onClose }: SureProps) {
  const planned = usePlanned(call, { isReady: true, atOnce: true, onDone: onClose });
  return (
    <Dialog title={title} onClose={onClose}>
      <PlannedForm planned={planned} verb={verb} isPlaced={false} onCancel={onClose}>
        <Text>{detail}</Text>
      </PlannedForm>
    </Dialog>
  );
}
