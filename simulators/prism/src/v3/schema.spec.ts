import { describe, expect, it } from '@jest/globals';
import type { Json } from '../json.ts';
import { check, integer, list, object, oneOf, string, uuid } from './schema.ts';

const schema = object(
  { size: integer(1), power: oneOf('ON', 'OFF'), tags: list(string(3)), nested: object({}, { uuid }) },
  { name: string(5) },
);
const complaints = (value: Json, unknownKeys: 'reject' | 'ignore' = 'reject') => check(schema, value, { unknownKeys });

describe('the v3 schema check', () => {
  it('has nothing to say about a value that fits', () => {
    expect(complaints({ name: 'x', size: 1, power: 'ON', tags: ['a'] })).toEqual({});
  });

  it('names what is missing and what is too much at the place where it is', () => {
    expect(complaints({ nested: {}, colour: 1 })).toEqual({
      '': ["'name' is a required property", "Additional properties are not allowed ('colour' was unexpected)"],
      nested: ["'uuid' is a required property"],
    });
    expect(complaints({ name: 'x', colour: 1 }, 'ignore')).toEqual({});
  });

  it('words types, limits and choices as a JSON schema validator does', () => {
    expect(
      complaints({ name: 'too long', size: 0, power: 'MAYBE', tags: ['a', 'abcd'], nested: { uuid: '1' } }),
    ).toEqual({
      name: ["'too long' is too long"],
      size: ['0 is less than the minimum of 1'],
      power: ["'MAYBE' is not one of ['ON', 'OFF']"],
      'tags.1': ["'abcd' is too long"],
      'nested.uuid': [expect.stringContaining("'1' does not match")],
    });
    expect(complaints({ name: 1, size: '1', tags: {} })).toEqual({
      name: ["1 is not of type 'string'"],
      size: ["'1' is not of type 'integer'"],
      tags: ["{} is not of type 'array'"],
    });
  });
});
