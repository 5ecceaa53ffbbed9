import { isEnded, type Operation, type OperationId, type VmId } from '@polyvirt/contracts';

/** Told which operation runs on a VM; none when it is free. */
export type Occupation = (vmId: VmId, operation: OperationId | undefined) => void;

/** The operations that have not ended, in memory. */
export class ActiveOperations {
  private readonly operations = new Map<OperationId, Operation>();
  private readonly endings: ((operation: Operation) => void)[] = [];
  private readonly byVm = new Map<VmId, OperationId>();

  constructor(private readonly tell: Occupation) {}

  /** Takes an operation as it is now; one that has ended is no longer active. */
  put(operation: Operation): void {
    const { id } = operation;
    const vmId = this.operations.get(id)?.vmId ?? operation.vmId;
    if (!isEnded(operation.status)) {
      this.operations.set(id, operation);
      if (vmId !== undefined) this.occupy(vmId, id);
      return;
    }
    if (this.operations.delete(id)) for (const tellEnd of this.endings) tellEnd(operation);
    if (vmId === undefined || this.byVm.get(vmId) !== id) return;
    // A stop by force may end before what it has ended.
    const other = [...this.operations.values()].find((one) => one.vmId === vmId);
    this.occupy(vmId, other?.id);
  }

  /** Calls back once for each operation that ends. */
  onEnd(listener: (operation: Operation) => void): void {
    this.endings.push(listener);
  }

  get(id: OperationId): Operation | undefined {
    return this.operations.get(id);
  }

  on(vmId: VmId): OperationId | undefined {
    return this.byVm.get(vmId);
  }

  /** How many there are; of those whose VM is among the meant, if told. */
  counts(isMeant?: (vmId: VmId | undefined) => boolean): { pending: number; running: number } {
    const counts = { pending: 0, running: 0 };
    for (const { status, vmId } of this.operations.values())
      if ((status === 'pending' || status === 'running') && (!isMeant || isMeant(vmId))) counts[status]++;
    return counts;
  }

  private occupy(vmId: VmId, operation: OperationId | undefined): void {
    if (operation === undefined) this.byVm.delete(vmId);
    else this.byVm.set(vmId, operation);
    this.tell(vmId, operation);
  }
}
