import type { FastifyInstance } from 'fastify';
import { askerOf } from '../http/caller.ts';
import { numberAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { TaskRecord, VmRecord } from '../state/records.ts';
import type { PowerAction } from '../vms/power.ts';
import { Refusal } from '../vms/refusal.ts';
import type { Asker } from '../vms/vm-service.ts';
import type { Schema } from '../v3/schema.ts';
import { VersionNotServed } from './errors.ts';
import { bodyOf } from './request.ts';
import {
  categoriesParams,
  cloneParams,
  empty,
  guestPowerOptions,
  migrateDisksParams,
  migrateToHostParams,
  ownerParams,
  revertParams,
} from './schemas.ts';
import { any } from '../v3/schema.ts';
import { answerTask } from './vm.routes.ts';
import { categoriesById, cloneOverride, customizationSpec, idsOf } from './vm-body.ts';
import { extIdAt } from './vm-view.ts';

const POWER: Readonly<Record<string, readonly [action: PowerAction, schema: Schema]>> = {
  'power-on': ['on', empty],
  'power-off': ['off', empty],
  'power-cycle': ['powerCycle', empty],
  reset: ['reset', empty],
  shutdown: ['acpiShutdown', empty],
  reboot: ['acpiReboot', empty],
  'guest-shutdown': ['guestShutdown', guestPowerOptions],
  'guest-reboot': ['guestReboot', guestPowerOptions],
};

type Act = (vm: VmRecord, body: JsonObject, asker: Asker) => TaskRecord;

const pascal = (path: string): string =>
  path.replace(/(^|-)(\w)/g, (_match, _dash, letter: string) => letter.toUpperCase());

/** Whether a version as `v4.2` or `v4.0.b1` is at least `v4.<minor>`, finished. */
const isAtLeast = (version: string, minor: number): boolean => Number(/^v4\.(\d+)$/.exec(version)?.[1] ?? -1) >= minor;

/** `$actions` of a VM. AHV has neither suspend nor pause. */
export function vmActionRoutes(app: FastifyInstance, prism: Prism): void {
  const action = (path: string, schema: Schema, act: Act, requestIdRequired = false): void => {
    app.post(`/ahv/config/vms/:vmExtId/$actions/${path}`, (request, reply) => {
      const options = {
        type: `${pascal(path)}Vm`,
        requestIdRequired,
        ifMatchRequired: prism.knobs.get('v4.ifMatchOnActions'),
      };
      return answerTask(prism, request, reply, options, (vm) =>
        act(vm, bodyOf(prism, request, schema), askerOf(request, 'v4')),
      );
    });
  };

  for (const [path, [power, schema]] of Object.entries(POWER))
    action(path, schema, (vm, _body, asker) => prism.vms.power(vm.uuid, power, asker), true);

  action('clone', cloneParams, (vm, body, asker) => {
    const bulk = objectAt(body, 'bulkCloneOptions');
    const options = { count: numberAt(bulk, 'numVms') ?? 1, firstSuffix: numberAt(bulk, 'nameSuffixStartIndex') ?? 0 };
    return prism.vms.clone(vm.uuid, cloneOverride(body), options, asker);
  });

  action('revert', revertParams, (vm, body, asker) =>
    prism.vms.revert(vm.uuid, stringAt(body, 'vmRecoveryPointExtId') ?? '', asker),
  );

  action('migrate-to-host', migrateToHostParams, (vm, body, asker) => {
    const host = extIdAt(body, 'host') ?? '';
    if (prism.store.get('host', host) === undefined)
      throw new Refusal('unknownReference', 'host', host, `host : ${host} does not exist.`);
    return prism.vms.act(
      vm.uuid,
      'vm.migrate',
      ['migrate_vm', 'VmMigrateToHost', 'Migrate VM to host'],
      { host },
      asker,
    );
  });

  action('migrate', any, (vm) => {
    // Another cluster's Prism would have to be paired, and this site is paired with none.
    throw new Refusal('notSupported', 'vm', vm.uuid, 'No remote cluster is connected to migrate to.');
  });

  action('migrate-vm-disks', migrateDisksParams, (vm, body, asker) =>
    prism.vms.act(
      vm.uuid,
      'vm.noop',
      ['migrate_vm_disks', 'VmMigrateDisks', 'Migrate VM disks'],
      { migration: body },
      asker,
    ),
  );

  action('customize-guest', any, (vm, body, asker) =>
    prism.vms.act(
      vm.uuid,
      'vm.customize',
      ['customize_guest', 'VmCustomizeGuest', 'Customize guest of VM'],
      { guestCustomization: customizationSpec(body) },
      asker,
    ),
  );

  const tag = (vm: VmRecord, operation: string, input: JsonObject, asker: Asker): TaskRecord =>
    prism.vms.act(vm.uuid, 'vm.tag', ['update_vm', operation, 'Update VM'], input, asker);

  action('assign-owner', ownerParams, (vm, body, asker) =>
    tag(vm, 'VmAssignOwner', { ownerUuid: extIdAt(body, 'owner') ?? vm.ownerUuid }, asker),
  );

  action('associate-categories', categoriesParams, (vm, body, asker) => {
    const added = categoriesById(prism, idsOf(body, 'categories'));
    const categories = { ...vm.categories };
    for (const [key, values] of Object.entries(added))
      categories[key] = [...new Set([...(categories[key] ?? []), ...values])];
    return tag(vm, 'VmAssociateCategories', { categories }, asker);
  });

  action('disassociate-categories', categoriesParams, (vm, body, asker) => {
    const removed = categoriesById(prism, idsOf(body, 'categories'));
    const categories = Object.fromEntries(
      Object.entries(vm.categories)
        .map(([key, values]) => [key, values.filter((value) => !removed[key]?.includes(value))] as const)
        .filter(([, values]) => values.length > 0),
    );
    return tag(vm, 'VmDisassociateCategories', { categories }, asker);
  });

  app.post('/ahv/config/vms/:vmExtId/$actions/generate-console-token', (request, reply) => {
    if (!isAtLeast((request.params as { version: string }).version, 2)) throw new VersionNotServed();
    const options = {
      type: 'GenerateConsoleToken',
      requestIdRequired: false,
      ifMatchRequired: prism.knobs.get('v4.ifMatchOnActions'),
    };
    return answerTask(prism, request, reply, options, (vm) =>
      prism.vms.act(
        vm.uuid,
        'vm.console',
        ['generate_console_token', 'VmGenerateConsoleToken', 'Generate console token of VM'],
        {},
        askerOf(request, 'v4'),
      ),
    );
  });
}
