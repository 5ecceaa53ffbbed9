import { bad, type BadRequest } from './bad-request.ts';

const invalid = '400 invalid-input';
const nothing = '00000000-0000-7000-8000-000000000000';

const lists: BadRequest[] = [
  ...['0', '-1', '501', 'abc', '1.5', '', '1e9', '%00'].map((limit) =>
    bad(invalid, `list: limit ${limit}`, `GET /vms?limit=${limit}`),
  ),
  bad(invalid, 'list: limit twice', 'GET /vms?limit=1&limit=2'),
  bad(invalid, 'list: a page number', 'GET /vms?page=2'),
  bad(invalid, 'list: an order that there is not', 'GET /vms?sort=secret'),
  bad(invalid, 'list: an order with SQL', 'GET /vms?sort=name;DROP%20TABLE%20vms'),
  bad(invalid, 'list: a state that there is not', 'GET /vms?state=on'),
  bad(invalid, 'list: a hypervisor that there is not', 'GET /vms?hypervisor=xen'),
  bad(invalid, 'list: a host that is none', 'GET /vms?host=BAD!'),
  bad(invalid, 'list: an empty search', 'GET /vms?q='),
  bad(invalid, 'list: a search of 256 characters', `GET /vms?q=${'x'.repeat(256)}`),
  bad(invalid, 'list: a label of 321 characters', `GET /vms?label=${'x'.repeat(321)}`),
  bad(invalid, 'list: a cursor of nobody', 'GET /vms?cursor=eyJhIjoxfQ'),
  bad(invalid, 'list: a cursor that was tampered with', 'GET /vms?cursor={cursor}AA'),
  bad(invalid, 'list: a cursor of another list', 'GET /vms?cursor={operationCursor}'),
  bad(invalid, 'list: a cursor that is a path', 'GET /vms?cursor=..%2f..%2fetc%2fpasswd'),
  bad(invalid, 'list: a cursor of 1,025 characters', `GET /vms?cursor=${'A'.repeat(1_025)}`),
  bad(invalid, 'a fresh look that may be', 'GET /vms/{stopped}?fresh=perhaps'),
  bad(invalid, 'operations: a status that there is not', 'GET /operations?status=done'),
  bad(invalid, 'operations: a cursor of nobody', 'GET /operations?cursor=AAAA'),
  bad(invalid, 'operations: a parent that is none', 'GET /operations?parent=x'),
  bad(invalid, 'operation: an id that is none', 'GET /operations/1'),
  bad(invalid, 'operation: an id with SQL', "GET /operations/'%20OR%20'1'='1"),
  bad('404 operation-not-found', 'operation: an id of nothing', `GET /operations/${nothing}`),
  bad('404 operation-not-found', 'cancel of nothing', `POST /operations/${nothing}/cancel`),
  bad('404 operation-not-found', 'retry of nothing', `POST /operations/${nothing}/retry`),
  bad('409 wrong-state', 'cancel of what has ended', 'POST /operations/{endedOperation}/cancel'),
  bad('409 wrong-state', 'retry of what has succeeded', 'POST /operations/{endedOperation}/retry'),
  bad('409 wrong-state', 'retry of what is running', 'POST /operations/{runningOperation}/retry'),
  bad(invalid, 'history: a time that is none', 'GET /vms/{running}/metrics/history?from=yesterday'),
  bad(
    invalid,
    'history: an end before its begin',
    'GET /vms/{running}/metrics/history?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
  ),
  bad(invalid, 'history: a step of nothing', 'GET /vms/{running}/metrics/history?step=0'),
  bad(
    invalid,
    'history: too many points',
    'GET /vms/{running}/metrics/history?from=2026-01-01T00:00:00Z&to=2026-01-20T00:00:00Z&step=5',
  ),
  bad(invalid, 'audit: no records', 'GET /audit?limit=0'),
  bad(invalid, 'audit: an outcome that there is not', 'GET /audit?outcome=maybe'),
  bad(invalid, 'host: an id that is none', 'GET /hosts/Not_A_Host'),
  bad('404 host-not-found', 'host: an id of nobody', 'GET /hosts/nowhere'),
  bad('404 host-not-found', 'images of nobody', 'GET /hosts/nowhere/images'),
];

const routes: BadRequest[] = [
  bad('404 route-not-found', 'an address that there is not', 'GET /nothing'),
  bad('404 route-not-found', 'another version', 'GET /api/v2/vms'),
  bad('404 route-not-found', 'a slash at the end', 'GET /vms/'),
  bad('404 route-not-found', 'two slashes', 'GET /api/v1//vms'),
  bad('404 route-not-found', 'an action that there is not', 'POST /vms/{stopped}/explode'),
  bad('404 route-not-found', 'dots in the path', 'GET /vms/../users'),
  bad('404 route-not-found', 'a file of the documentation', 'GET /docs/assets/package.json'),
  bad('404 route-not-found', 'a file beside the documentation', 'GET /docs/assets/..%2fpackage.json'),
  bad('403 forbidden', 'a file far from the documentation', 'GET /docs/assets/%2e%2e/%2e%2e/package.json'),
  bad('404 route-not-found', 'a file of the system', 'GET /docs/assets/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd'),
  bad(invalid, 'an escape that is none', 'GET /vms/%zz'),
  bad(invalid, 'half a character', 'GET /vms/%ff'),
  ...(
    [
      ['PUT', '/vms'],
      ['DELETE', '/vms'],
      ['PATCH', '/vms'],
      ['PUT', '/vms/{stopped}'],
      ['POST', '/vms/{stopped}'],
      ['GET', '/vms/{stopped}/start'],
      ['DELETE', '/vms/{stopped}/start'],
      ['PUT', '/hosts'],
      ['PATCH', '/hosts/fake-a'],
      ['PUT', '/hosts/fake-a'],
      ['DELETE', '/operations/{endedOperation}'],
      ['POST', '/operations'],
      ['DELETE', '/audit'],
      ['POST', '/events'],
      ['GET', '/auth/login'],
      ['POST', '/archives/{stopped}'],
      ['PURGE', '/vms'],
    ] as const
  ).map(([method, path]) => bad('405 method-not-allowed', `${method} ${path}`, `${method} ${path}`)),
];

const key = (value: string) => ({ 'idempotency-key': value });
const headers: BadRequest[] = [
  bad(invalid, 'an empty idempotency key', 'POST /vms/{stopped}/start', { headers: key('') }),
  bad(invalid, 'an idempotency key of 256 characters', 'POST /vms/{stopped}/start', { headers: key('k'.repeat(256)) }),
  bad(invalid, 'an idempotency key with a space', 'POST /vms/{stopped}/start', { headers: key('a b') }),
  bad(invalid, 'an idempotency key that is no ASCII', 'POST /vms/{stopped}/start', { headers: key('schlüssel') }),
  bad('422 idempotency-key-reused', 'an idempotency key of another body', 'POST /vms', {
    body: { host: 'fake-a', name: 'another' },
    headers: key('used-once'),
  }),
  bad('422 idempotency-key-reused', 'an idempotency key of another route', 'POST /vms/{stopped}/start', {
    headers: key('used-once'),
  }),
  ...['wait=banana', 'wait=-1', 'wait=99999999999', ',,,;;;', 'respond-async, wait'].map((prefer) =>
    bad('409 wrong-state', `a preference that makes no sense: ${prefer}`, 'POST /vms/{stopped}/reset', {
      headers: { prefer },
    }),
  ),
  ...['abc', '-1', '1.5', '9999999999999999', "1' OR '1'='1"].map((id) =>
    bad(invalid, `Last-Event-ID ${id}`, 'GET /events', { headers: { 'last-event-id': id } }),
  ),
  bad('410 cursor-expired', 'a Last-Event-ID of the future', 'GET /events', {
    headers: { 'last-event-id': '999999999' },
  }),
  bad('410 cursor-expired', 'a cursor of the future', 'GET /events?since=999999999'),
  bad(invalid, 'a cursor that is none', 'GET /events?since=now'),
  bad(invalid, 'a type of event that there is not', 'GET /events?types=vm.exploded'),
  bad(invalid, 'hosts that are none', 'GET /events?hosts=A,B'),
  bad(invalid, 'a VM that is none', 'GET /events?vm=x'),
  bad('431 invalid-input', 'a header of 20,000 characters', 'GET /vms', { headers: { 'x-long': 'x'.repeat(20_000) } }),
];

export const protocol: BadRequest[] = [...lists, ...routes, ...headers];
