import { Alert, Button, List, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { client } from '../api/client.ts';
import { ProblemAlert } from '../ui/states.tsx';

/** Checks, when it is asked to, whether the audit is as it was written. */
export function AuditVerdict() {
  const { t } = useTranslation();
  const verify = useMutation({ mutationFn: async () => (await client.GET('/api/v1/audit/verify')).data });
  const verdict = verify.data;
  return (
    <Stack align="flex-start">
      <Button variant="default" loading={verify.isPending} onClick={() => verify.mutate()}>
        {t('audit.verify')}
      </Button>
      {verify.error && <ProblemAlert error={verify.error} />}
      {verdict && (
        <Alert
          role="status"
          color={verdict.intact ? 'green' : 'red'}
          title={verdict.intact ? t('audit.intact') : t('audit.broken')}
        >
          <Text size="sm">
            {t('audit.extent', { records: verdict.records, links: verdict.links, unlinked: verdict.unlinked })}
          </Text>
          <List size="sm">
            {verdict.faults.map(({ kind, sequence, recordId, detail }) => (
              <List.Item key={`${kind} ${sequence} ${recordId}`}>
                {detail} {recordId}
              </List.Item>
            ))}
          </List>
        </Alert>
      )}
    </Stack>
  );
}
