import { ApiProblem, type components } from '@polyvirt/api-client';
import { Button, Stack } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { client } from '../api/client.ts';
import { auditRoute } from '../routes/router.tsx';
import { ProblemAlert } from '../ui/states.tsx';

/** Saves the records that are looked for, all of them and not just those that are shown, as lines of JSON. */
export function AuditExport() {
  const { t } = useTranslation();
  const { actor, outcome } = auditRoute.useSearch();
  const save = useMutation({
    mutationFn: async () => {
      const query = new URLSearchParams({
        ...(actor !== undefined && { actor }),
        ...(outcome !== undefined && { outcome }),
      });
      const response = await client.send(new Request(`${location.origin}/api/v1/audit/export?${query}`));
      if (!response.ok) throw new ApiProblem((await response.json()) as components['schemas']['Problem']);
      const anchor = document.createElement('a');
      anchor.href = URL.createObjectURL(await response.blob());
      anchor.download = 'polyvirt-audit.ndjson';
      anchor.click();
      URL.revokeObjectURL(anchor.href);
    },
  });
  return (
    <Stack align="flex-start">
      <Button variant="default" loading={save.isPending} onClick={() => save.mutate()}>
        {t('audit.export')}
      </Button>
      {save.error && <ProblemAlert error={save.error} />}
    </Stack>
  );
}
