import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { problemOf } from './problem.filter.ts';

describe('the problem that an error stands for', () => {
  const request = {} as FastifyRequest;

  it('is one to try again when the bus was lost in the middle of a request', () => {
    const lost = Object.assign(new Error('no responders'), { name: 'JetStreamNotEnabled' });
    expect(problemOf(lost, request)).toMatchObject({ code: 'unavailable', cause: lost });
  });

  it('is a fault of ours when nothing else is known', () => {
    const bug = new TypeError('undefined is not a function');
    expect(problemOf(bug, request)).toMatchObject({ code: 'internal', cause: bug });
    expect(problemOf(bug, request).message).not.toContain('undefined');
  });
});
