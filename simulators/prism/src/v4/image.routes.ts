import type { FastifyInstance, FastifyRequest } from 'fastify';
import { factsOf } from '../http/caller.ts';
import { sendJson } from '../http/reply.ts';
import { booleanAt, compact, isObject, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { ImageRecord } from '../state/records.ts';
import { micros } from '../time.ts';
import { notFound } from '../vms/refusal.ts';
import { optional } from '../vms/vm-defaults.ts';
import { listed, single, taskReference } from './envelope.ts';
import { ETAG_MISMATCH, V4Error } from './errors.ts';
import { etagOf, ifMatch } from './etag.ts';
import { bodyOf, extIdParam, once } from './request.ts';
import { image as imageSchema } from './schemas.ts';

const TYPE = 'vmm.v4.content';

function sourceView(resources: JsonObject): JsonObject | undefined {
  const url = stringAt(resources, 'source_uri');
  const disk = stringAt(objectAt(resources, 'data_source_reference'), 'uuid');
  if (url !== undefined)
    return {
      $objectType: `${TYPE}.UrlSource`,
      url,
      shouldAllowInsecureUrl: booleanAt(objectAt(resources, 'source_options'), 'allow_insecure_connection') ?? false,
    };
  return disk === undefined ? undefined : { $objectType: `${TYPE}.VmDiskSource`, extId: disk };
}

function imageView(prism: Prism, image: ImageRecord): JsonObject {
  const checksum = objectAt(image.resources, 'checksum');
  const sha256 = checksum['checksum_algorithm'] !== 'SHA_1';
  return compact({
    $objectType: `${TYPE}.Image`,
    extId: image.uuid,
    name: image.name,
    description: image.description,
    type: stringAt(image.resources, 'image_type') ?? 'DISK_IMAGE',
    sizeBytes:
      image.sizeBytes !== undefined && (image.sizeShownAt ?? 0) <= prism.clock.now() ? image.sizeBytes : undefined,
    source: sourceView(image.resources),
    checksum:
      checksum['checksum_value'] === undefined
        ? undefined
        : { $objectType: `${TYPE}.Image${sha256 ? 'Sha256' : 'Sha1'}Checksum`, hexDigest: checksum['checksum_value'] },
    clusterLocationExtIds: image.clusterUuids,
    createTime: micros(image.createdAt),
    lastUpdateTime: micros(image.updatedAt),
    ownerExtId: image.ownerUuid,
    ownerName: prism.username,
  });
}

/** The v3 `spec` that a v4 image comes to. */
function specOf(body: JsonObject): JsonObject {
  const source = objectAt(body, 'source');
  const url = stringAt(source, 'url');
  const disk = url === undefined ? stringAt(source, 'extId') : undefined;
  const checksum = objectAt(body, 'checksum');
  const login = objectAt(source, 'basicAuth');
  return compact({
    name: stringAt(body, 'name'),
    description: stringAt(body, 'description'),
    resources: compact({
      image_type: stringAt(body, 'type'),
      source_uri: url,
      source_options: compact({
        allow_insecure_connection: booleanAt(source, 'shouldAllowInsecureUrl'),
        basic_auth: isObject(source['basicAuth'])
          ? { username: stringAt(login, 'username'), password: stringAt(login, 'password') }
          : undefined,
      }),
      data_source_reference: disk === undefined ? undefined : { kind: 'vm_disk', uuid: disk },
      checksum:
        checksum['hexDigest'] === undefined
          ? undefined
          : {
              checksum_algorithm: (stringAt(checksum, '$objectType') ?? '').includes('Sha1') ? 'SHA_1' : 'SHA_256',
              checksum_value: checksum['hexDigest'],
            },
    }),
  });
}

export function imageRoutes(app: FastifyInstance, prism: Prism): void {
  const etag = (image: ImageRecord): string => etagOf(image.uuid, image.specVersion);
  const matched = (request: FastifyRequest): ImageRecord => {
    const image = prism.entities.find('image', extIdParam(request));
    if (!ifMatch(request, etag(image), true)) throw new V4Error(412, 'VMM-30303', 'VM_ETAG_MISMATCH', ETAG_MISMATCH);
    return image;
  };

  app.get('/content/images', (request, reply) => {
    const images = prism.store.all('image').filter((image) => image.state !== 'PENDING');
    return sendJson(
      reply,
      200,
      listed(prism, request, images, (image) => imageView(prism, image), `${TYPE}.ListImagesApiResponse`),
    );
  });

  app.get('/content/images/:extId', (request, reply) => {
    const image = prism.entities.find('image', extIdParam(request));
    reply.header('etag', etag(image));
    return sendJson(reply, 200, single(request, imageView(prism, image), `${TYPE}.GetImageApiResponse`));
  });

  app.get('/content/images/:extId/file', (request, reply) => {
    const image = prism.entities.find('image', extIdParam(request));
    if (image.sizeBytes === undefined) throw notFound('image', image.uuid);
    return reply
      .header('content-type', 'application/octet-stream')
      .header('content-length', image.sizeBytes)
      .send(prism.files.read(image.uuid, image.sizeBytes));
  });

  app.post('/content/images', (request, reply) =>
    once(prism, request, reply, false, () => {
      const body = bodyOf(prism, request, imageSchema);
      const placed = body['clusterLocationExtIds'];
      const clusterUuids = Array.isArray(placed)
        ? placed.map(String)
        : prism.site.hostingClusters.map(({ uuid }) => uuid);
      const { task } = prism.entities.create(
        'image',
        { spec: specOf(body), extra: { clusterUuids } },
        factsOf(request),
      );
      return { status: 202, body: taskReference(request, task.uuid, `${TYPE}.CreateImageApiResponse`) };
    }),
  );

  app.put('/content/images/:extId', (request, reply) =>
    once(prism, request, reply, false, () => {
      const image = matched(request);
      const body = bodyOf(prism, request, imageSchema);
      const spec = {
        ...specOf(body),
        resources: { ...image.resources, ...optional('image_type', stringAt(body, 'type')) },
      };
      const { task } = prism.entities.update('image', image.uuid, { spec }, factsOf(request));
      return { status: 202, body: taskReference(request, task.uuid, `${TYPE}.UpdateImageApiResponse`) };
    }),
  );

  app.delete('/content/images/:extId', (request, reply) =>
    once(prism, request, reply, false, () => {
      const { task } = prism.entities.delete('image', matched(request).uuid, factsOf(request));
      return { status: 202, body: taskReference(request, task.uuid, `${TYPE}.DeleteImageApiResponse`) };
    }),
  );
}
