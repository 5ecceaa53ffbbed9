import { describe, expect, it } from '@jest/globals';
import {
  isAgentUnavailable,
  isAlreadyExists,
  isBusy,
  isDenied,
  isNotFound,
  isUnknownProcedure,
  isUnsupported,
  isWrongState,
  LibvirtError,
} from './errors.ts';

function error(code: number, message: string | null = 'text'): LibvirtError {
  const nothing = { dom: null, net: null, str1: null, str2: null, str3: null, int1: -1, int2: -1 };
  return new LibvirtError({ code, domain: 10, message, level: 2, ...nothing }, 'domainCreate');
}

describe('error classes', () => {
  const all = {
    isNotFound,
    isAlreadyExists,
    isWrongState,
    isUnsupported,
    isUnknownProcedure,
    isBusy,
    isAgentUnavailable,
    isDenied,
  };

  it.each([
    [42, ['isNotFound']],
    [72, ['isNotFound']],
    [90, ['isAlreadyExists']],
    [55, ['isWrongState']],
    [3, ['isUnsupported']],
    [74, ['isUnsupported']],
    [68, ['isBusy']],
    [86, ['isAgentUnavailable']],
    [112, ['isAgentUnavailable']],
    [29, ['isDenied']],
    [1, []],
    [9, []],
    [39, []],
  ])('puts code %i into %j', (code, expected) => {
    const found = Object.entries(all).filter(([, is]) => is(error(code)));
    expect(found.map(([name]) => name)).toEqual(expected);
  });

  it('knows a duplicate domain, network or pool, which is only a failed operation', () => {
    expect(isAlreadyExists(error(9, `operation failed: domain 'a' already exists with uuid 1`))).toBe(true);
    expect(isAlreadyExists(error(9, 'operation failed: disk is full'))).toBe(false);
  });

  it('knows a procedure that is newer than the daemon', () => {
    expect(isUnknownProcedure(error(39, 'unknown procedure: 449'))).toBe(true);
    expect(isUnsupported(error(39, 'unknown procedure: 449'))).toBe(true);
  });

  it('takes nothing but errors of libvirt', () => {
    for (const is of Object.values(all)) expect(is(new Error('Domain not found'))).toBe(false);
  });

  it('names codes, and keeps numbers that are newer than it', () => {
    expect(error(42)).toMatchObject({ codeName: 'NO_DOMAIN', domainName: 'QEMU' });
    expect(error(4711, null)).toMatchObject({ code: 4711, codeName: undefined, message: 'libvirt error 4711' });
  });
});
