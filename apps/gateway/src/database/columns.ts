import type { ColumnOptions, ValueTransformer } from 'typeorm';

/** MySQL hands a bigint out as a string. Ours stay far below 2^53. */
export const safeInteger: ValueTransformer = {
  to: (value: unknown) => value,
  from: (value: string | number | null) => (value === null ? null : Number(value)),
};

/** Milliseconds since the epoch. */
export const time: ColumnOptions = { type: 'bigint', transformer: safeInteger };
export const optionalTime: ColumnOptions = { ...time, nullable: true };
/** A whole number that may outgrow 32 bits, such as a sequence of a stream. */
export const bigInteger: ColumnOptions = { type: 'bigint', transformer: safeInteger };

export const isoTime = (ms: number): string => new Date(ms).toISOString();
