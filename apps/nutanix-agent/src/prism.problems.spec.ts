import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@polyvirt/contracts';
import {
  PrismCertificateError,
  PrismTimeoutError,
  PrismUnreachableError,
  refusalIn,
  TaskFailedError,
} from './client/prism-error.ts';
import { toProblem } from './prism.problems.ts';
import { goldenRefusals as refusals } from './testing/golden.ts';

const problem = (error: unknown) => {
  const found = toProblem(error);
  if (!(found instanceof ProblemError)) throw new Error('no problem');
  return found;
};
const uuid = 'aaaaaaaa-0009-4000-8000-000000000009';
const refused = (status: number, body: unknown) => problem(refusalIn('POST', status, body, undefined, uuid));
const failed = (detail: string, status = 'FAILED') =>
  problem(new TaskFailedError('t', status, 'create_vm_intentful', detail, undefined));

describe('refusals of Prism', () => {
  it.each([
    ['vm-not-found', 404, refusals.notFound],
    ['vm-busy', 409, refusals.conflict],
    ['host-rejected', 401, refusals.unauthenticated],
    ['host-rejected', 401, undefined],
    ['host-rejected', 422, refusals.validation],
    ['too-many-requests', 429, undefined],
    ['host-rejected', 500, '<html>'],
    ['host-offline', 503, {}],
    [
      'host-rejected',
      404,
      { kind: 'cluster', message_list: [{ message: 'cluster : x does not exist.', reason: 'X' }] },
    ],
  ] as const)('are %s for %i', (code, status, body) => expect(refused(status, body).code).toBe(code));

  it('say what to do about a VM that is not there', () => {
    expect(refused(404, refusals.notFound).message).toBe(
      `Prism: vm : ${uuid} does not exist. It may have been deleted meanwhile: look again at what is there.`,
    );
  });

  it('of a call that names no VM do not say that one is missing', () => {
    const { code, message } = problem(refusalIn('POST', 404, refusals.notFound, undefined));
    expect(code).toBe('host-rejected');
    expect(message).toMatch(/^Prism answered 404: .* try again in a moment/);
  });

  it('name the fault of a validation', () => {
    expect(refused(422, refusals.validation).message).toContain("'metadata' is a required property");
  });

  it('in a 200 are refusals', () => {
    expect(refusalIn('POST', 200, refusals.validation, undefined)?.status).toBe(422);
    const inner = { status: { state: 'ERROR', message_list: [{ message: 'No.', reason: 'INTERNAL_ERROR' }] } };
    expect(refusalIn('PUT', 202, inner, undefined)).toMatchObject({ status: 500, message: 'No.' });
    // A VM whose last change has failed can be read all the same.
    expect(refusalIn('GET', 200, inner, undefined)).toBeUndefined();
    expect(refusalIn('POST', 202, { status: { state: 'PENDING' } }, undefined)).toBeUndefined();
  });

  it('of the newer API are read too', () => {
    expect(refusalIn('GET', 404, refusals.v4NotFound, undefined)).toMatchObject({
      status: 404,
      reason: 'VM_NOT_FOUND',
      message: 'Not there.',
    });
  });

  it('pass on when to come again', () => {
    expect(problem(refusalIn('GET', 429, undefined, 7)).extras.retryAfterSeconds).toBe(7);
  });
});

describe('failed tasks', () => {
  it.each([
    ['insufficient-capacity', 'NoHostResources: No host has enough available memory for VM.'],
    ['insufficient-capacity', 'RESOURCE_SHORTAGE: No free IP address left in the pools of subnet x'],
    ['wrong-state', 'INVALID_STATE: VM must be powered off to change memory_size_mib'],
    ['wrong-state', 'INTERNAL_ERROR: Nutanix Guest Tools are not installed or not reachable on the VM'],
    ['host-rejected', 'INTERNAL_ERROR: ErrorCode: 9'],
  ])('are %s: %s', (code, detail) => expect(failed(detail).code).toBe(code));

  it('name task, cause and way out', () => {
    expect(failed('INTERNAL_ERROR: ErrorCode: 9').message).toBe(
      'Prism: The task create_vm_intentful t failed: INTERNAL_ERROR: ErrorCode: 9. Prism Central has more in its tasks and alerts.',
    );
    expect(failed('x', 'ABORTED').message).toContain('ended as ABORTED');
  });
});

describe('no answer', () => {
  it.each([
    ['host-offline', new PrismUnreachableError('prism:9440: connect ECONNREFUSED')],
    ['timed-out', new PrismTimeoutError('prism:9440 did not answer within 15 s.')],
    ['timed-out', new DOMException('too long', 'TimeoutError')],
    ['host-rejected', new PrismCertificateError('The certificate of prism:9440 is not trusted: self-signed')],
  ])('is %s', (code, error) => expect(problem(error).code).toBe(code));

  it('lets everything else through', () => {
    const bug = new TypeError('x is not a function');
    expect(toProblem(bug)).toBe(bug);
  });
});
