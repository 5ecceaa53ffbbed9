import { ApiProblem } from '@polyvirt/api-client';

/** What is refused, by the field at which it is shown. */
export function faultsOf(error: Error | undefined | null) {
  const errors = (error instanceof ApiProblem && error.problem.errors) || [];
  return (...pointers: string[]): string | undefined =>
    errors.find(({ pointer }) => pointers.some((one) => pointer === one || pointer.startsWith(`${one}/`)))?.detail;
}
