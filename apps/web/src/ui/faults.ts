import { ApiProblem } from '@polyvirt/api-client';

const errorsOf = (error: Error | undefined | null) => (error instanceof ApiProblem && error.problem.errors) || [];
const isAt = (pointers: readonly string[], pointer: string): boolean =>
  pointers.some((one) => pointer === one || pointer.startsWith(`${one}/`));

/** What is refused, by the field at which it is shown. */
export function faultsOf(error: Error | undefined | null) {
  return (...pointers: string[]): string | undefined =>
    errorsOf(error).find(({ pointer }) => isAt(pointers, pointer))?.detail;
}

/** Whether all that is refused is shown at these fields, so that it need not be said once more. */
export function isAllAt(error: Error | undefined | null, pointers: readonly string[]): boolean {
  const errors = errorsOf(error);
  return errors.length > 0 && errors.every(({ pointer }) => isAt(pointers, pointer));
}
