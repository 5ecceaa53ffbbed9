import {
  IconAlertTriangle,
  IconHelp,
  IconLoader2,
  IconMoon,
  IconPlayerPauseFilled,
  IconPlayerPlayFilled,
  IconPlayerStopFilled,
} from '@tabler/icons-react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import type { VmState } from '../api/client.ts';

const icons = {
  running: IconPlayerPlayFilled,
  stopped: IconPlayerStopFilled,
  paused: IconPlayerPauseFilled,
  suspended: IconMoon,
  crashed: IconAlertTriangle,
  unknown: IconHelp,
} as const;
const colours: Record<VmState, string> = {
  running: 'green',
  stopped: 'gray',
  paused: 'orange',
  suspended: 'blue',
  crashed: 'red',
  unknown: 'gray',
};

interface Props {
  readonly state: VmState;
  /** Something is being done to it. */
  readonly busy?: boolean;
  /** Its host is not heard of, so this is what was known last. */
  readonly stale?: boolean;
}

/** A state by icon, word and colour; never by colour alone. */
export const StateMark = memo(function StateMark({ state, busy = false, stale = false }: Props) {
  const { t } = useTranslation();
  const Icon = busy ? IconLoader2 : icons[state];
  return (
    <span className="state" data-stale={stale} data-state={state}>
      <Icon size={14} color={`var(--mantine-color-${colours[state]}-7)`} aria-hidden />
      {t(`state.${state}`)}
      {busy && <span className="visually-hidden">{t('state.busy')}</span>}
    </span>
  );
});
