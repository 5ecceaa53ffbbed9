import { Textarea } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { FormDialog } from '../ui/form-dialog.tsx';

interface Props {
  onType(text: string): void;
  onClose(): void;
}

/** Text that is typed into the machine, key by key: it has no clipboard that could be reached. */
export function ConsolePaste({ onType, onClose }: Props) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  return (
    <FormDialog
      title={t('console.paste')}
      verb={t('console.type')}
      isBusy={false}
      reason={text === '' ? t('plan.unready') : undefined}
      onSubmit={() => {
        onType(text);
        onClose();
      }}
      onClose={onClose}
    >
      <Textarea
        label={t('console.text')}
        description={t('console.typeHint')}
        autosize
        minRows={3}
        maxRows={12}
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        data-autofocus
      />
    </FormDialog>
  );
}
