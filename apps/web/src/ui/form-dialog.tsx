import { Button, Group, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Dialog } from './dialog.tsx';
import { ReasonedButton } from './reasoned.tsx';
import { ProblemAlert } from './states.tsx';

interface Props {
  readonly title: string;
  /** What the button says. */
  readonly verb: string;
  readonly isBusy: boolean;
  /** What it was refused for, as far as no field shows it. */
  readonly error?: unknown;
  /** Why it cannot be sent now. */
  readonly reason?: string | undefined;
  readonly isDanger?: boolean;
  readonly children: ReactNode;
  onSubmit(): void;
  onClose(): void;
}

/** A dialog with a form that is sent at once; what is planned first has `PlannedForm`. */
export function FormDialog({
  title,
  verb,
  isBusy,
  error,
  reason,
  isDanger = false,
  children,
  onSubmit,
  onClose,
}: Props) {
  const { t } = useTranslation();
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (reason === undefined) onSubmit();
        }}
      >
        <Stack>
          {children}
          {error != null && <ProblemAlert error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <ReasonedButton type="submit" loading={isBusy} reason={reason} {...(isDanger && { color: 'red.9' })}>
              {verb}
            </ReasonedButton>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
