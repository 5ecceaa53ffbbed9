import { Button, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { mostTextBytes, queries } from '../api/queries.ts';
import { formatBytes } from '../i18n/format.ts';
import { CopyButton } from '../ui/copy.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { saveAs } from '../ui/save.ts';
import { QueryView } from '../ui/states.tsx';

/** A byte that no text has. */
const nul = '\0';

interface Props {
  readonly vmId: string;
  readonly path: string;
  onClose(): void;
}

/** A file of an archive: read where it is text, downloaded as it is. */
export function ArchiveFile({ vmId, path, onClose }: Props) {
  const { t } = useTranslation();
  const read = useQuery(queries.archiveFile(vmId, path));
  return (
    <Dialog title={path} size="xl" onClose={onClose}>
      <QueryView of={read}>
        {({ file, text }) => (
          <Stack gap="sm">
            <Group gap="xs">
              <Button size="xs" variant="default" onClick={() => saveAs(path.split('/').at(-1)!, file)}>
                {t('definition.download')}
              </Button>
              {!text.includes(nul) && <CopyButton value={text} label={t('archive.copy')} />}
              <Text size="sm">{formatBytes(file.size)}</Text>
            </Group>
            {text.includes(nul) ? (
              <Text>{t('archive.noText')}</Text>
            ) : (
              <pre className="document" tabIndex={0}>
                {text}
              </pre>
            )}
            {file.size > mostTextBytes && (
              <Text size="sm">{t('archive.cut', { size: formatBytes(mostTextBytes) })}</Text>
            )}
          </Stack>
        )}
      </QueryView>
    </Dialog>
  );
}
