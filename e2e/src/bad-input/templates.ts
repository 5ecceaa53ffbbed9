import { bad, type BadRequest } from './bad-request.ts';

const invalid = '400 invalid-input';
const wrong = '409 wrong-state';
type Expected = BadRequest['expected'];
type Request = `${string} /${string}`;

const body = (expected: Expected, what: string, request: Request, fields: unknown): BadRequest =>
  bad(expected, what, request, { body: fields });
const shown = (value: unknown) => JSON.stringify(value)?.slice(0, 40);

const noSwitches = ['yes', 'true', '', 1, null, [], {}];

const marks: BadRequest[] = [
  ...noSwitches.flatMap((value) => [
    body(invalid, `template: made one by ${shown(value)}`, 'PATCH /vms/{stopped}', { template: value }),
    body(invalid, `autostart: ${shown(value)}`, 'PATCH /vms/{stopped}', { autostart: value, cpus: 2 }),
  ]),
  ...(['running', 'paused', 'suspended'] as const).map((state) =>
    body(wrong, `template: made of a VM that is ${state}`, `PATCH /vms/{${state}}`, { template: true }),
  ),
  body(wrong, 'template: made of a running VM, beside what is right', 'PATCH /vms/{running}', {
    cpus: 2,
    template: true,
  }),
  body('409 vm-busy', 'template: made of a busy VM', 'PATCH /vms/{busy}', { template: true }),
  body('503 host-offline', 'template: on a host that is offline', 'PATCH /vms/{away}', { template: true }),
  body('404 vm-not-found', 'template: of a VM that there is not', 'PATCH /vms/fake-a~nothing', { template: true }),
  body(invalid, 'template: that starts with its host', 'PATCH /vms/{stopped}', { template: true, autostart: true }),
  body(invalid, 'template: that is to start with its host', 'PATCH /vms/{sealed}', { autostart: true }),
  body(wrong, 'autostart: of a suspended VM', 'PATCH /vms/{suspended}', { autostart: true }),
  body('503 host-offline', 'autostart: on a host that is offline', 'PATCH /vms/{away}', { autostart: true }),
];

const starts: BadRequest[] = [
  ...['start', 'restart', 'reset', 'resume'].map((verb) =>
    body(wrong, `template: ${verb}`, `POST /vms/{sealed}/${verb}`, {}),
  ),
  body(wrong, 'template: restart by force', 'POST /vms/{sealed}/restart', { force: true }),
  body('404 template-not-found', 'create: from a VM that is no template', 'POST /vms', {
    host: 'fake-a',
    name: 'copy',
    template: 'stopped',
  }),
  body('404 template-not-found', 'create: from the template of another host', 'POST /vms', {
    host: 'fake-b',
    name: 'copy',
    template: 'sealed',
  }),
  body(invalid, 'create: from a template, with disks', 'POST /vms', {
    host: 'fake-a',
    name: 'copy',
    template: 'sealed',
    disks: [{ sizeGiB: 1 }],
  }),
  ...['GET /vms', 'GET /stats/summary'].flatMap((list) =>
    ['maybe', '', '2', 'true,false'].map((value) =>
      bad(invalid, `template: a filter "${value}" of ${list}`, `${list as 'GET /vms'}?template=${value}`),
    ),
  ),
  body(invalid, 'template: a filter "maybe" of a batch', 'POST /vms/batch', {
    action: 'start',
    filter: { template: 'maybe' },
  }),
];

export const templates: BadRequest[] = [...marks, ...starts];
