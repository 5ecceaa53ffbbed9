import { ApiProblem } from '@polyvirt/api-client';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient, type UseMutationResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Call } from '../api/calls.ts';
import { send } from '../api/changes.ts';
import type { Operation } from '../api/client.ts';
import { noteBegun } from '../live/cache.ts';
import { showOperation } from '../operations/drawer-state.ts';

/** Sends a change and opens the operations, where it is followed; a refusal is the caller's to show where it was asked for. */
export function useChange(): UseMutationResult<Operation, Error, { call: Call; ifMatch?: string }> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ call, ifMatch }) => send(call, ifMatch),
    onSuccess: (operation) => {
      void queries.invalidateQueries({ queryKey: ['operations'] });
      noteBegun(queries, operation);
      showOperation(operation.id);
    },
  });
}

/** The same for a click on a row or a menu, where there is no other place for a refusal. */
export function useQuickChange(): (call: Call) => void {
  const { t } = useTranslation();
  const { mutate } = useChange();
  return (call) =>
    mutate(
      { call },
      {
        onError: (error) => {
          const problem = error instanceof ApiProblem ? error.problem : undefined;
          notifications.show({
            color: 'red',
            autoClose: false,
            title: problem?.title ?? t('problem.unreachable'),
            message: problem ? `${problem.detail} (${problem.requestId})` : t('problem.unreachableDetail'),
          });
        },
      },
    );
}
