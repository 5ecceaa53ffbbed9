import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RequestMethod } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readConfig } from '@polyvirt/config';
import { permissions } from '@polyvirt/contracts';
import { ACTION } from '../audit/changes.decorator.ts';
import { gatewayConfig } from '../config.ts';
import { createGateway } from '../gateway.ts';
import { accessOf } from './permission.guard.ts';

interface Route {
  name: string;
  method: number;
  handler: object;
  controller: object;
}

/** By the numbers that Nest has for them. */
const reads: readonly number[] = [RequestMethod.GET, RequestMethod.OPTIONS];

describe('every route of the gateway', () => {
  let app: NestFastifyApplication;
  let routes: Route[];
  beforeAll(async () => {
    const config = readConfig(gatewayConfig, { POLYVIRT_JWT_SECRET: 'unused'.repeat(8), POLYVIRT_LOG_LEVEL: 'silent' });
    app = await createGateway(config, { preview: true });
    await app.init();
    const discovery = new DiscoveryService(app.get(ModulesContainer, { strict: false }));
    const scanner = new MetadataScanner();
    routes = discovery.getControllers().flatMap(({ metatype }) => {
      const prototype = (metatype as { prototype: Record<string, object> }).prototype;
      return scanner.getAllMethodNames(prototype).flatMap((name) => {
        const handler = prototype[name]!;
        const method = Reflect.getMetadata('method', handler) as number | undefined;
        return method === undefined
          ? []
          : [{ name: `${metatype!.name}.${name}`, method, handler, controller: metatype! }];
      });
    });
  });
  afterAll(() => app.close());

  it('is known to this test', () => {
    expect(routes.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['AuthController.login', 'UserController.list']),
    );
  });

  it('declares whom it is for', () => {
    const known = new Set<unknown>([...permissions, 'logged-in', 'public']);
    const undeclared = routes.filter(({ handler, controller }) => !known.has(accessOf(handler, controller)));
    expect(undeclared.map(({ name }) => name)).toEqual([]);
  });

  it('is open to anyone only where that is meant', () => {
    const open = routes.filter(({ handler, controller }) => accessOf(handler, controller) === 'public');
    const meant =
      /^(?:AuthController\.(?:login|refresh|logout|useLink)|HostJoinsController\.join|SupervisorController\.health|(?:Health|Metrics|Docs|Root|UploadContent)Controller\..*)$/;
    expect(open.map(({ name }) => name).filter((name) => !meant.test(name))).toEqual([]);
  });

  it('is idempotent by key and audited when it changes something', () => {
    const silent = routes.filter(
      ({ method, handler }) => !reads.includes(method) && !Reflect.hasMetadata(ACTION, handler),
    );
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  it('is called in the audit by what it is to do, in the imperative', () => {
    const actions = routes
      .map(({ handler }) => Reflect.getMetadata(ACTION, handler) as string | undefined)
      .filter((action) => action !== undefined);
    expect(actions.filter((action) => !/^[a-z]+(?:\.[a-z]+(?:-[a-z]+)*)?$/.test(action) || /ed$/.test(action))).toEqual(
      [],
    );
  });
});
