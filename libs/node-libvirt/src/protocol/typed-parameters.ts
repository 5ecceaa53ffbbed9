import type { XdrReader } from '../xdr/reader.ts';
import type { XdrWriter } from '../xdr/writer.ts';
import { ProtocolError } from './errors.ts';

/** A named value that carries its own type. When sent, the type must be exactly what libvirt expects, else error 8. */
export type TypedParameter =
  | { field: string; type: 'int' | 'uint' | 'double'; value: number }
  | { field: string; type: 'llong' | 'ullong'; value: bigint }
  | { field: string; type: 'boolean'; value: boolean }
  | { field: string; type: 'string'; value: string };

/** The value of a typed parameter for reading: 64-bit values are bigint only where a number would not be exact. */
export type ParameterValue = number | bigint | boolean | string;

const INT = 1;
const UINT = 2;
const LLONG = 3;
const ULLONG = 4;
const DOUBLE = 5;
const BOOLEAN = 6;
const STRING = 7;

export function readTypedParameter(reader: XdrReader): TypedParameter {
  const field = reader.string();
  const kind = reader.i32();
  switch (kind) {
    case INT:
      return { field, type: 'int', value: reader.i32() };
    case UINT:
      return { field, type: 'uint', value: reader.u32() };
    case LLONG:
      return { field, type: 'llong', value: reader.i64() };
    case ULLONG:
      return { field, type: 'ullong', value: reader.u64() };
    case DOUBLE:
      return { field, type: 'double', value: reader.f64() };
    case BOOLEAN:
      return { field, type: 'boolean', value: reader.i32() !== 0 };
    case STRING:
      return { field, type: 'string', value: reader.string() };
    default:
      throw new ProtocolError(`typed parameter ${field} has the unknown type ${kind}`);
  }
}

/** Reads only the value, as {@link ParameterValue}: the fast path of bulk statistics. */
export function readParameterValue(reader: XdrReader): ParameterValue {
  const kind = reader.i32();
  switch (kind) {
    case INT:
      return reader.i32();
    case UINT:
      return reader.u32();
    case LLONG:
      return safe(reader.i64());
    case ULLONG:
      return reader.u64AsSafe();
    case DOUBLE:
      return reader.f64();
    case BOOLEAN:
      return reader.i32() !== 0;
    case STRING:
      return reader.string();
    default:
      throw new ProtocolError(`typed parameter has the unknown type ${kind}`);
  }
}

export function writeTypedParameter(writer: XdrWriter, parameter: TypedParameter): void {
  writer.string(parameter.field);
  switch (parameter.type) {
    case 'int':
      writer.i32(INT);
      return writer.i32(parameter.value);
    case 'uint':
      writer.i32(UINT);
      return writer.u32(parameter.value);
    case 'llong':
      writer.i32(LLONG);
      return writer.i64(parameter.value);
    case 'ullong':
      writer.i32(ULLONG);
      return writer.u64(parameter.value);
    case 'double':
      writer.i32(DOUBLE);
      return writer.f64(parameter.value);
    case 'boolean':
      writer.i32(BOOLEAN);
      return writer.i32(parameter.value ? 1 : 0);
    case 'string':
      writer.i32(STRING);
      return writer.string(parameter.value);
  }
}

/** Typed parameters as a plain object; a field that is repeated keeps its last value. */
export function parametersToObject(parameters: readonly TypedParameter[]): Record<string, ParameterValue> {
  const object: Record<string, ParameterValue> = {};
  for (const { field, value } of parameters) object[field] = typeof value === 'bigint' ? safe(value) : value;
  return object;
}

export const parameter = {
  int: (field: string, value: number): TypedParameter => ({ field, type: 'int', value }),
  uint: (field: string, value: number): TypedParameter => ({ field, type: 'uint', value }),
  llong: (field: string, value: number | bigint): TypedParameter => ({ field, type: 'llong', value: BigInt(value) }),
  ullong: (field: string, value: number | bigint): TypedParameter => ({ field, type: 'ullong', value: BigInt(value) }),
  double: (field: string, value: number): TypedParameter => ({ field, type: 'double', value }),
  boolean: (field: string, value: boolean): TypedParameter => ({ field, type: 'boolean', value }),
  string: (field: string, value: string): TypedParameter => ({ field, type: 'string', value }),
};

function safe(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
