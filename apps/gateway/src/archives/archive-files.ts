import { lstat, realpath } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { ProblemError, type VmId } from '@polyvirt/contracts';
import send from '@fastify/send';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { Archives } from './archives.ts';

/** What a file is sent as. None of it is to be shown by a browser, so everything else is bytes. */
const mediaTypes: Readonly<Record<string, string>> = {
  md: 'text/markdown; charset=utf-8',
  json: 'application/json; charset=utf-8',
  xml: 'application/xml; charset=utf-8',
  ...Object.fromEntries(['txt', 'log', 'sh', 'bat', 'vmx'].map((ending) => [ending, 'text/plain; charset=utf-8'])),
};

/**
 * Files of the archive folders. What a caller or an event names is a name and never a path: nothing outside of the folder of
 * the VM is read, whatever the name holds and wherever a link in the folder leads.
 */
@Injectable()
export class ArchiveFiles {
  private readonly root: string | undefined;

  constructor(
    private readonly archives: Archives,
    @Inject(CONFIG) config: GatewayConfig,
  ) {
    this.root = config.archivePath === undefined ? undefined : resolve(config.archivePath);
  }

  /**
   * Sends the file, or the range of it that is asked for.
   * @throws archive-not-found, file-not-found, `forbidden` for a link, capability-missing if this gateway has no archives
   */
  async send(vmId: VmId, name: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const folder = this.folderOf(vmId);
    const parts = partsOf(name);
    if (parts === undefined) throw noSuchFile(name);
    await requireOwnFile(folder, parts, name);
    const { statusCode, headers, stream, type } = await send(request.raw, parts.map(encodeURIComponent).join('/'), {
      root: folder,
      dotfiles: 'allow',
      index: false,
      cacheControl: false,
      contentType: false,
    });
    if (statusCode === 416) {
      void reply.header('content-range', headers['Content-Range']);
      throw new ProblemError('range-not-satisfiable', `${name} does not reach as far as the range that is asked for.`);
    }
    if (type !== 'file') throw noSuchFile(name);
    const fileName = parts.at(-1)!;
    void reply
      .code(statusCode)
      .headers(headers)
      .header('content-type', mediaTypes[fileName.split('.').at(-1)!.toLowerCase()] ?? 'application/octet-stream')
      .header('content-disposition', attachment(fileName))
      .send(stream);
  }

  private folderOf(vmId: VmId): string {
    const { folder } = this.archives.require(vmId);
    if (this.root === undefined)
      throw new ProblemError(
        'capability-missing',
        'This gateway does not see the archives. Set POLYVIRT_ARCHIVE_PATH to the folder of the organizer, and restart it.',
      );
    const parts = partsOf(folder);
    // It comes from an event, and who may publish one need not be the organizer.
    if (parts?.length !== 1)
      throw new ProblemError('archive-not-found', `The archive of ${vmId} has no proper folder.`);
    return join(this.root, parts[0]!);
  }
}

/** The names of a path below a folder; undefined for one that could lead out of it, or to nothing. */
function partsOf(path: string): string[] | undefined {
  const parts = path.split('/');
  const isPlain = (part: string) => part !== '' && part !== '.' && part !== '..' && !/[\0\\]/.test(part);
  const isDrive = process.platform === 'win32' && path.includes(':');
  return parts.every(isPlain) && !isDrive && !isAbsolute(path) ? parts : undefined;
}

async function requireOwnFile(folder: string, parts: readonly string[], name: string): Promise<void> {
  let path = folder;
  for (const [index, part] of ['', ...parts].entries()) {
    path = join(path, part);
    const stats = await lstat(path).catch(() => undefined);
    if (stats === undefined) throw noSuchFile(name);
    if (stats.isSymbolicLink())
      throw new ProblemError(
        'forbidden',
        `${name} is a link to a file of the VM itself and no part of its archive. Copy it on the host where the VM is.`,
      );
    if (index < parts.length ? !stats.isDirectory() : !stats.isFile()) throw noSuchFile(name);
  }
  // Also by what the system makes of it.
  if ((await realpath(path)) !== join(await realpath(folder), ...parts)) throw noSuchFile(name);
}

const noSuchFile = (name: string) =>
  new ProblemError(
    'file-not-found',
    `The archive has no file "${name.slice(0, 200)}". \`files\` of the archive lists those that there are.`,
  );

/** RFC 6266: saved under its name, and never shown as a page of ours. */
function attachment(name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_');
  const exact = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}
