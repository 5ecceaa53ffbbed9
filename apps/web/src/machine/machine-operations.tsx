import { useQuery } from '@tanstack/react-query';
import type { Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { OperationList } from '../operations/operation-list.tsx';
import { Guarded, QueryView } from '../ui/states.tsx';

export function MachineOperations({ vm }: { vm: Vm }) {
  return (
    <Guarded permission="operation:read">
      <List vmId={vm.id} />
    </Guarded>
  );
}

function List({ vmId }: { vmId: string }) {
  const list = useQuery(queries.operations({ vm: vmId }));
  return <QueryView of={list}>{(operations) => <OperationList operations={operations} />}</QueryView>;
}
