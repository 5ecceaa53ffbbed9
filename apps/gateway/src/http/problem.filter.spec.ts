import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { QueryFailedError } from 'typeorm';
import { problemOf } from './problem.filter.ts';

describe('the problem that an error stands for', () => {
  const request = {} as FastifyRequest;

  it('is one to try again when the bus was lost in the middle of a request', () => {
    const lost = Object.assign(new Error('no responders'), { name: 'JetStreamNotEnabled' });
    expect(problemOf(lost, request)).toMatchObject({ code: 'unavailable', cause: lost });
  });

  it.each([
    ['SQLITE_FULL', 'insufficient-capacity'],
    ['ER_RECORD_FILE_FULL', 'insufficient-capacity'],
    ['ER_DISK_FULL', 'insufficient-capacity'],
    ['SQLITE_BUSY', 'unavailable'],
    ['ER_LOCK_WAIT_TIMEOUT', 'unavailable'],
    ['PROTOCOL_CONNECTION_LOST', 'unavailable'],
    ['ECONNREFUSED', 'unavailable'],
    ['SQLITE_CONSTRAINT', 'internal'],
  ])('is that of what is beside the gateway when its database says %s', (code, problem) => {
    const error = new QueryFailedError('INSERT', [], Object.assign(new Error('no'), { code }));
    expect(problemOf(error, request)).toMatchObject({ code: problem, cause: error });
  });

  it.each([
    [{ code: 'ENOSPC' }, 'insufficient-capacity'],
    [{ code: 'ECONNREFUSED', fatal: true }, 'unavailable'],
    // Of a socket of whoever: a bug until somebody says what it means.
    [{ code: 'ECONNREFUSED' }, 'internal'],
  ])('is the same of what no query was made for: %j', (fields, problem) => {
    expect(problemOf(Object.assign(new Error('no'), fields), request)).toMatchObject({ code: problem });
  });

  it('is a fault of ours when nothing else is known', () => {
    const bug = new TypeError('undefined is not a function');
    expect(problemOf(bug, request)).toMatchObject({ code: 'internal', cause: bug });
    expect(problemOf(bug, request).message).not.toContain('undefined');
  });
});
