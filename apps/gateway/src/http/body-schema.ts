import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { z } from 'zod';

/** What a method of a controller declares its body to be; undefined when it takes none. */
export function bodySchemaOf(controller: object, method: string): z.ZodType | undefined {
  const args = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) as
    Record<string, { schema?: z.ZodType }> | undefined;
  return Object.entries(args ?? {}).find(([place]) => place.startsWith(`${RouteParamtypes.BODY}:`))?.[1].schema;
}
