import { isEnded, type Operation, type OperationId } from '@polyvirt/contracts';

/** Who waits for the end of an operation, and who hears of every end. */
export class OperationEnds {
  private readonly waiting = new Map<OperationId, Set<() => void>>();
  private readonly listeners = new Set<(operation: Operation) => void>();
  private isClosed = false;

  onEnd(listener: (operation: Operation) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(operation: Operation): void {
    if (!isEnded(operation.status)) return;
    for (const settle of [...(this.waiting.get(operation.id) ?? [])]) settle();
    for (const listener of this.listeners) listener(operation);
  }

  /** Resolves when it ends, when the time is over, or when the signal aborts: whichever comes first. */
  async wait(id: OperationId, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.isClosed) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', settle);
        const others = this.waiting.get(id);
        others?.delete(settle);
        if (others?.size === 0) this.waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(settle, timeoutMs);
      signal.addEventListener('abort', settle, { once: true });
      const others = this.waiting.get(id) ?? new Set();
      others.add(settle);
      this.waiting.set(id, others);
    });
  }

  /** Lets everybody go who waits, now and from now on. */
  close(): void {
    this.isClosed = true;
    for (const settles of [...this.waiting.values()]) for (const settle of [...settles]) settle();
  }
}
