import { Button, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Dialog } from './dialog.tsx';
import { ReasonedButton } from './reasoned.tsx';

interface Props {
  /** What it does; the dialog has it for a title. */
  readonly label: string;
  readonly question: string;
  /** Why it is not possible now. */
  readonly reason?: string | undefined;
  onConfirm(): void;
}

/** A button that asks before it acts. */
export function ConfirmButton({ label, question, reason, onConfirm }: Props) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState(false);
  const close = () => setAsked(false);
  return (
    <>
      <ReasonedButton size="xs" variant="default" reason={reason} onClick={() => setAsked(true)}>
        {label}
      </ReasonedButton>
      {asked && (
        <Dialog title={label} onClose={close}>
          <Stack>
            <Text>{question}</Text>
            <Group justify="flex-end">
              <Button variant="default" onClick={close}>
                {t('common.cancel')}
              </Button>
              <Button
                color="red.9"
                onClick={() => {
                  close();
                  onConfirm();
                }}
              >
                {label}
              </Button>
            </Group>
          </Stack>
        </Dialog>
      )}
    </>
  );
}
