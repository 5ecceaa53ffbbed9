import { Anchor, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Empty } from '../ui/states.tsx';

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Empty title={t('notFound.title')}>
      <Text>{t('notFound.detail')}</Text>
      <Anchor component={Link} to="/machines">
        {t('nav.machines')}
      </Anchor>
    </Empty>
  );
}
