import { Group, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Call } from '../api/calls.ts';
import { asCommand, asCurl } from '../api/copied.ts';
import { CopyButton } from './copy.tsx';

/** The change that is about to be made, for a script. */
export function CopyCall({ call }: { call: Call }) {
  const { t } = useTranslation();
  return (
    <Group gap="md">
      {[[t('common.copyCurl'), asCurl(call)] as const, [t('common.copyCli'), asCommand(call)] as const].map(
        ([label, text]) => (
          <Group key={label} gap={4}>
            <Text size="sm">{label}</Text>
            <CopyButton value={text} label={label} />
          </Group>
        ),
      )}
    </Group>
  );
}
