import { change, changeOptions, confirm, yesOption } from '../change.ts';
import { upload } from '../upload.ts';
import { UsageError, type Argument, type Command } from '../declaration.ts';

const host: Argument = { name: 'HOST', help: 'Id of the host.', completes: 'host' };

/** Images that come and go; the list of them is with the other lists of a host. */
export const imageCommands: readonly Command[] = [
  {
    name: 'image add',
    summary: 'Add an image to a host: one that it fetches, or a file of yours.',
    calls: ['POST /api/v1/hosts/{hostId}/images'],
    args: [host, { name: 'NAME', help: 'What it will be called there, without the ending of a file.' }],
    options: {
      url: { value: 'URL', help: 'Where the host fetches it from, by http or https.' },
      file: {
        value: 'FILE',
        help: 'A file of yours, which is uploaded first.',
        completes: 'file',
        excludes: ['url'],
      },
      sha256: { value: 'SHA256', help: 'The SHA-256 that it must have; else it is not kept.' },
      ...changeOptions,
    },
    examples: [
      'polyvirt image add kvm-lab1 rescue --file rescue.iso',
      'polyvirt image add kvm-lab1 debian-13 --url https://cloud.debian.org/images/cloud/trixie/latest/debian-13-generic-amd64.qcow2',
    ],
    run: async (invocation) => {
      const { args, given, terminal } = invocation;
      const [hostId, name] = args as [string, string];
      const [url, file, sha256] = [given.text('url'), given.text('file'), given.text('sha256')];
      if ((url === undefined) === (file === undefined)) throw new UsageError('Where is it? Say --url or --file.');
      const client = await invocation.client();
      const route = 'POST /api/v1/hosts/{hostId}/images';
      const add = (source: object) =>
        change(invocation, client, { route, path: { hostId }, body: { name, ...source } });
      if (file === undefined) return add({ url, ...(sha256 !== undefined && { sha256 }) });
      const onProgress = (sent: number, bytes: number) =>
        terminal.status(`upload: ${Math.floor((100 * sent) / Math.max(1, bytes))}%`);
      const sent = await upload(client, file, { onProgress });
      terminal.status(undefined);
      // What arrives at the host is then what was read here.
      return add({ upload: sent.id, sha256: sha256 ?? sent.sha256 });
    },
  },
  {
    name: 'image delete',
    summary: 'Delete an image of a host. One that a VM needs stays.',
    calls: ['DELETE /api/v1/hosts/{hostId}/images/{image}'],
    args: [host, { name: 'IMAGE', help: 'Its name, as `image list` shows it.' }],
    options: {
      kind: { value: 'KIND', help: 'Where one of each has the name.', choices: ['disk', 'iso'] },
      ...yesOption,
      ...changeOptions,
    },
    run: async (invocation) => {
      const { args, given } = invocation;
      const [hostId, image] = args as [string, string];
      const kind = given.text('kind');
      const client = await invocation.client();
      await confirm(invocation, `Delete the image ${image} of ${hostId}?`);
      const route = 'DELETE /api/v1/hosts/{hostId}/images/{image}';
      return change(invocation, client, {
        route,
        path: { hostId, image },
        ...(kind !== undefined && { query: { kind } }),
      });
    },
  },
];
