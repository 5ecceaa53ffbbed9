import { In, type FindOperator } from 'typeorm';

/** A condition for each filter that is given: the column has any of its values. */
export const anyOf = <Filter extends object>(filter: Filter) =>
  Object.fromEntries(
    Object.entries(filter).flatMap(([column, values]) =>
      values === undefined ? [] : [[column, In(values as unknown[])]],
    ),
  ) as { [Column in keyof Filter]?: FindOperator<NonNullable<Filter[Column]> extends (infer Value)[] ? Value : never> };
