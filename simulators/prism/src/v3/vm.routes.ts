import type { FastifyInstance } from 'fastify';
import { askerOf } from '../http/caller.ts';
import type { CreateRate } from '../http/rate-limit.ts';
import { sendJson } from '../http/reply.ts';
import { objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { checkVmSpec, checkVmUpdate, customizationDecodes } from '../vms/vm-checks.ts';
import { deletedBody, firstValues } from './envelope.ts';
import { V3Error } from './errors.ts';
import { listAnswer } from './list.ts';
import { bodyOf, metadataOf, reservedUuid, uuidParam, versionsOf } from './request.ts';
import { listRequest } from './schemas/metadata.ts';
import { vmIntent } from './schemas/vm.ts';
import { vmAccepted, vmAttribute, vmBody, vmListItem } from './vm-view.ts';

export function vmRoutes(app: FastifyInstance, prism: Prism, createRate: CreateRate): void {
  const lenient = (): boolean => prism.knobs.get('v3.unknownReference') === 'task';

  app.post('/vms', (request, reply) => {
    createRate.check();
    const body = bodyOf(prism, request, vmIntent);
    const spec = objectAt(body, 'spec');
    checkSpec(prism, spec);
    const uuid = reservedUuid(prism, stringAt(objectAt(body, 'metadata'), 'uuid'));
    const { vm, task } = prism.vms.create(spec, metadataOf(body), uuid, lenient(), askerOf(request, 'v3'));
    return sendJson(reply, 202, vmAccepted(prism, vm, spec, task.uuid));
  });

  app.post('/vms/list', (request, reply) => {
    const body = bodyOf(prism, request, listRequest('vm'));
    const now = prism.clock.now();
    const pending = prism.knobs.get('v3.listPending');
    const entities = prism.store
      .all('vm')
      .filter((vm) => vm.listedAt <= now && (pending || vm.intent?.creating !== true));
    return sendJson(
      reply,
      200,
      listAnswer(prism, body, {
        kind: 'vm',
        entities,
        lookup: (vm, attribute) => vmAttribute(prism, vm, attribute),
        view: (vm) => vmListItem(prism, vm),
      }),
    );
  });

  app.get('/vms/:uuid', (request, reply) => sendJson(reply, 200, vmBody(prism, prism.vms.find(uuidParam(request)))));

  app.put('/vms/:uuid', (request, reply) => {
    const uuid = uuidParam(request);
    const body = bodyOf(prism, request, vmIntent);
    const spec = objectAt(body, 'spec');
    checkVmUpdate(spec, prism.vms.find(uuid));
    checkSpec(prism, spec);
    const { vm, task } = prism.vms.update(
      uuid,
      spec,
      metadataOf(body),
      versionsOf(body),
      lenient(),
      askerOf(request, 'v3'),
    );
    return sendJson(reply, 202, vmAccepted(prism, vm, spec, task.uuid));
  });

  app.delete('/vms/:uuid', (request, reply) => {
    const { vm, task } = prism.vms.delete(uuidParam(request), askerOf(request, 'v3'));
    return sendJson(reply, 202, deletedBody('vm', firstValues(vm.categories), task.uuid));
  });
}

/** @throws V3Error 500 for user data that does not decode, as reported (PKR #372), unless the knob makes it 422. */
function checkSpec(prism: Prism, spec: JsonObject): void {
  checkVmSpec(spec);
  if (customizationDecodes(spec)) return;
  if (prism.knobs.get('v3.undecodableUserData') === '500')
    throw new V3Error(500, 'INTERNAL_ERROR', 'Internal Server Error');
  throw new V3Error(422, 'INVALID_REQUEST', 'Guest customization must be base64 encoded.');
}
