import { describe, expect, it } from '@jest/globals';
import { problemIn } from './problem.ts';

describe('the problem in an answer', () => {
  const answer = (status: number, body: string | null, type: string) => {
    const response = new Response(body, { status, headers: { 'content-type': type } });
    Object.defineProperty(response, 'url', { value: 'https://polyvirt.example/api/v1/uploads/one' });
    return response;
  };

  it('is the one that it tells', async () => {
    const problem = { code: 'upload-not-found', status: 404, title: '', detail: 'It has expired.', retryable: false };
    const found = await problemIn(answer(404, JSON.stringify(problem), 'application/problem+json'));
    expect(found).toMatchObject({ code: 'upload-not-found', message: 'It has expired.' });
  });

  it.each([
    ['a HEAD, which has no body', 404, null, 'application/problem+json', 'internal', false],
    ['something in between', 502, '<html>', 'text/html', 'unavailable', true],
  ])('is what the status says of %s', async (_, status, body, type, code, retryable) => {
    expect(await problemIn(answer(status, body, type))).toMatchObject({ code, retryable, status });
  });
});
