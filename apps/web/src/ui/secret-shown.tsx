import { Alert, Button, Code, Group, Stack } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { CopyButton } from './copy.tsx';
import { Dialog } from './dialog.tsx';

interface Props {
  readonly title: string;
  /** That it is not shown again. */
  readonly warning: string;
  readonly secret: string;
  readonly copyLabel: string;
  onClose(): void;
}

/** A secret that was made just now: shown this once. */
export function SecretShown({ title, warning, secret, copyLabel, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Dialog title={title} size="lg" onClose={onClose}>
      <Stack>
        <Alert role="status">{warning}</Alert>
        <Code
          block
          tabIndex={0}
          mah={240}
          style={{ overflow: 'auto', overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}
        >
          {secret}
        </Code>
        <Group>
          <CopyButton value={secret} label={copyLabel} />
          <Button onClick={onClose}>{t('common.close')}</Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
