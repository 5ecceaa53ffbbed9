import { change, changeOptions, confirm, yesOption } from '../change.ts';
import { UsageError, type Argument, type Command } from '../declaration.ts';

const host: Argument = { name: 'HOST', help: 'Id of the host.', completes: 'host' };

/** Images that come and go; the list of them is with the other lists of a host. */
export const imageCommands: readonly Command[] = [
  {
    name: 'image add',
    summary: 'Add an image to a host, which fetches it.',
    calls: ['POST /api/v1/hosts/{hostId}/images'],
    args: [host, { name: 'NAME', help: 'What it will be called there, without the ending of a file.' }],
    options: {
      url: { value: 'URL', help: 'Where the host fetches it from, by http or https.' },
      sha256: { value: 'SHA256', help: 'The SHA-256 that it must have; else it is not kept.' },
      ...changeOptions,
    },
    examples: [
      'polyvirt image add kvm-lab1 debian-13 --url https://cloud.debian.org/images/cloud/trixie/latest/debian-13-generic-amd64.qcow2',
    ],
    run: async (invocation) => {
      const { args, given } = invocation;
      const [hostId, name] = args as [string, string];
      const [url, sha256] = [given.text('url'), given.text('sha256')];
      if (url === undefined) throw new UsageError('Where is it? Say --url.');
      const route = 'POST /api/v1/hosts/{hostId}/images';
      const body = { name, url, ...(sha256 !== undefined && { sha256 }) };
      return change(invocation, await invocation.client(), { route, path: { hostId }, body });
    },
  },
  {
    name: 'image delete',
    summary: 'Delete an image of a host. One that a VM needs stays.',
    calls: ['DELETE /api/v1/hosts/{hostId}/images/{image}'],
    args: [host, { name: 'IMAGE', help: 'Its name, as `image list` shows it.' }],
    options: {
      kind: { value: 'KIND', help: 'disk or iso, where one of each has the name.' },
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
