import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@polyvirt/contracts';
import { safeCause, safeProblem, safeText } from './safe-text.ts';

const secret = 'correct-horse-battery';
const input = { name: 'web-frontend', cloudInit: { userData: `#cloud-config\npassword: ${secret}\n` } };

describe('what is said of an operation', () => {
  it('never has its user data in it: problems, pointers, notes, causes for the log', () => {
    const problem = new ProblemError('host-rejected', `bad spec: ${JSON.stringify(input)} ${'x'.repeat(200_000)}`, {
      errors: [{ pointer: '/cloudInit/userData', detail: input.cloudInit.userData }],
    }).toProblem('request');
    const cause = new Error(`PUT failed: ${JSON.stringify(input)}`, { cause: { body: input } });
    for (const said of [
      safeProblem(problem, input),
      safeText(`note ${secret} password: ${secret}`, input),
      safeCause(cause, input),
    ])
      expect(JSON.stringify(said)).not.toContain(`password: ${secret}`);
    expect(safeProblem(problem, input).detail.length).toBeLessThanOrEqual(1_000);
    expect(safeProblem(problem, input)).toMatchObject({ code: 'host-rejected', requestId: 'request' });
  });

  it('is as the driver said it otherwise', () => {
    const error = new Error('no such VM');
    expect(safeCause(error, { name: 'x' })).toBe(error);
    expect(safeText('The VM "web-frontend" has no disk vda.', input)).toBe('The VM "web-frontend" has no disk vda.');
    expect(safeText('y'.repeat(5_000), null)).toHaveLength(1_000);
  });
});
