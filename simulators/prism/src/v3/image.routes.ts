import type { FastifyInstance } from 'fastify';
import { Readable } from 'node:stream';
import { sendJson } from '../http/reply.ts';
import { compact, objectAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import { ImageFileError, type Checksum } from '../images/image-files.ts';
import type { Prism } from '../prism.ts';
import type { EntityRecord, ImageRecord } from '../state/records.ts';
import { notFound, Refusal } from '../vms/refusal.ts';
import { entityRoutes } from './entity.routes.ts';
import { V3Error } from './errors.ts';
import { uuidParam } from './request.ts';
import { imageIntent } from './schemas/infrastructure.ts';

export function imageRoutes(app: FastifyInstance, prism: Prism): void {
  entityRoutes(app, prism, {
    kind: 'image',
    path: 'images',
    schema: imageIntent,
    live: (image) => liveImage(image),
    checkSpec: checkImage,
    extra: (spec) => ({ clusterUuids: clustersOf(prism, spec) }),
    attribute: (image, attribute) =>
      attribute === 'image_type' ? [stringAt(image.resources, 'image_type') ?? 'DISK_IMAGE'] : undefined,
  });

  app.put('/images/:uuid/file', async (request, reply) => {
    const image = prism.entities.find('image', uuidParam(request));
    if (image.sizeBytes !== undefined)
      throw new V3Error(422, 'ACTION_NOT_SUPPORTED', 'An image that has been uploaded cannot be changed.');
    const bytes = request.body instanceof Readable ? request.body : Readable.from([]);
    // What the spec has is for a source that Prism fetches itself.
    const announced = headerChecksum(request.headers);
    const sizeBytes = await stored(prism, image.uuid, bytes, announced);
    const current = prism.store.get('image', image.uuid);
    if (current === undefined) throw notFound('image', image.uuid);
    const now = prism.clock.now();
    const sizeShownAt = now + prism.site.lateness('images.sizeLate');
    prism.store.commit([['image', image.uuid, { ...current, sizeBytes, sizeShownAt, updatedAt: now }]]);
    return sendJson(reply, 200, {});
  });

  app.get('/images/:uuid/file', (request, reply) => {
    const image = prism.entities.find('image', uuidParam(request));
    if (image.sizeBytes === undefined)
      throw new V3Error(404, 'ENTITY_NOT_FOUND', `image : ${image.uuid} has no contents.`);
    return reply
      .header('content-type', 'application/octet-stream')
      .header('content-length', image.sizeBytes)
      .send(prism.files.read(image.uuid, image.sizeBytes));
  });

  function liveImage(entity: EntityRecord): JsonObject {
    const image = entity as ImageRecord;
    const shown = image.sizeBytes !== undefined && (image.sizeShownAt ?? 0) <= prism.clock.now();
    return compact({
      size_bytes: shown ? image.sizeBytes : undefined,
      retrieval_uri_list:
        image.sizeBytes === undefined ? [] : [`https://127.0.0.1:9440/api/nutanix/v3/images/${image.uuid}/file`],
      current_cluster_reference_list: image.clusterUuids.map((uuid) => ({ kind: 'cluster', uuid })),
    });
  }
}

/** Where an image is placed: on the clusters named, else on all. */
function clustersOf(prism: Prism, spec: JsonObject): string[] {
  const named = objectsAt(objectAt(spec, 'resources'), 'initial_placement_ref_list').flatMap(
    (reference) => stringAt(reference, 'uuid') ?? [],
  );
  return named.length > 0 ? named : prism.site.hostingClusters.map(({ uuid }) => uuid);
}

/** @throws V3Error 422 for bytes that are too many or not the announced ones. */
async function stored(prism: Prism, uuid: string, bytes: Readable, checksum: Checksum | undefined): Promise<number> {
  try {
    return await prism.files.save(uuid, bytes, prism.knobs.get('images.maxBytes'), checksum);
  } catch (error) {
    if (error instanceof ImageFileError) throw new V3Error(422, 'INVALID_REQUEST', error.message);
    throw error;
  }
}

function headerChecksum(headers: Readonly<Record<string, string | string[] | undefined>>): Checksum | undefined {
  const value = headers['x-nutanix-checksum-bytes'];
  if (typeof value !== 'string') return undefined;
  const sha1 =
    String(headers['x-nutanix-checksum-type'] ?? '')
      .replace(/[-_]/g, '')
      .toUpperCase() === 'SHA1';
  return { algorithm: sha1 ? 'SHA_1' : 'SHA_256', value };
}

/** @throws Refusal `invalid` */
function checkImage(spec: JsonObject): void {
  const resources = objectAt(spec, 'resources');
  if (resources['source_uri'] !== undefined && resources['data_source_reference'] !== undefined)
    throw new Refusal('invalid', 'image', '', 'Only one of source_uri and data_source_reference can be given.');
  const uri = stringAt(resources, 'source_uri');
  if (uri !== undefined && !/^(https?|nfs):\/\/.+/.test(uri))
    throw new Refusal('invalid', 'image', '', `source_uri ${uri} is not a valid URL.`);
}
