import type { NativeId, OperationId, VmId } from '@polyvirt/contracts';

/** The operation of ours that runs on a VM, so that events can say who caused them. */
export interface Cause {
  readonly operationId: OperationId;
  readonly requestedBy: string;
  /** The source, when the operation is a clone. */
  readonly clonedFrom?: VmId;
}

/** What is known beforehand of the VM that an operation is about. */
export interface Target {
  readonly nativeId?: NativeId | undefined;
  /** Name of a VM that is being made: its native id is not known until it is there. */
  readonly newName?: string | undefined;
  /** Whether the operation only reads the VM, so that what happens to it meanwhile is not its doing. */
  readonly onlyReads?: boolean;
}

/** Which operation runs on which VM. */
export class Causes {
  readonly #byId = new Map<NativeId, Cause>();
  readonly #byName = new Map<string, Cause>();

  /** Notes an operation that begins; the answer notes that it has ended. */
  begin({ nativeId, newName, onlyReads }: Target, cause: Cause): () => void {
    const changes = onlyReads ? undefined : nativeId;
    if (changes !== undefined) this.#byId.set(changes, cause);
    if (newName !== undefined) this.#byName.set(newName, cause);
    return () => {
      if (changes !== undefined && this.#byId.get(changes) === cause) this.#byId.delete(changes);
      if (newName !== undefined && this.#byName.get(newName) === cause) this.#byName.delete(newName);
    };
  }

  /** The operation that runs on a VM; with the name of one that was not there before, also the one that makes it. */
  of(nativeId: NativeId, newName: string | undefined): Cause | undefined {
    return this.#byId.get(nativeId) ?? (newName === undefined ? undefined : this.#byName.get(newName));
  }
}
