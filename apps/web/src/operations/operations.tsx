import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { queries } from '../api/queries.ts';
import { Guarded, PageTitle, QueryView } from '../ui/states.tsx';
import { OperationList } from './operation-list.tsx';

export function Operations() {
  const { t } = useTranslation();
  return (
    <Guarded permission="operation:read">
      <PageTitle title={t('nav.operations')} />
      <All />
    </Guarded>
  );
}

function All() {
  const list = useQuery(queries.operations());
  return <QueryView of={list}>{(operations) => <OperationList operations={operations} />}</QueryView>;
}
