import type { EntityManager } from 'typeorm';

export interface StoredAnswer {
  status: number;
  body: unknown;
  headers?: Readonly<Record<string, string>>;
  /** A repeat shows this operation as it is by then, instead of the stored body. */
  operationId?: string;
}

/** The right of one request to answer under its `Idempotency-Key`. */
export interface IdempotencyClaim {
  /**
   * Keeps the answer in the transaction that makes the change, so that both are there or neither. Throws when another
   * request has taken the key over meanwhile; the transaction must then fail too.
   */
  answer(manager: EntityManager, answer: StoredAnswer): Promise<void>;
}
