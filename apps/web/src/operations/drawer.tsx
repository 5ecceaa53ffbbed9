import { Anchor, CloseButton, Group, ScrollArea, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '../api/queries.ts';
import { useMay } from '../session/session.tsx';
import { QueryView } from '../ui/states.tsx';
import { closeOperations, onOperationsState, operationsState } from './drawer-state.ts';
import { OperationList } from './operation-list.tsx';

const shown = 20;

/** What is being done and what has ended, beside the page and never over it. */
export function OperationsDrawer() {
  const { t } = useTranslation();
  const may = useMay();
  const { latest } = useSyncExternalStore(onOperationsState, operationsState);
  const list = useQuery({ ...queries.operations(), enabled: may('operation:read') });
  return (
    <Stack gap="sm" h="100%">
      <Group justify="space-between">
        <Title order={2} size="h4">
          {t('nav.operations')}
        </Title>
        <CloseButton aria-label={t('common.close')} onClick={closeOperations} />
      </Group>
      <ScrollArea flex={1}>
        <QueryView of={list}>
          {(operations) => <OperationList operations={operations.slice(0, shown)} latest={latest} />}
        </QueryView>
      </ScrollArea>
      <Anchor component={Link} to="/operations" onClick={closeOperations}>
        {t('operations.all')}
      </Anchor>
    </Stack>
  );
}
