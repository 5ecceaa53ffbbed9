import { choice, flag, number, range, text, texts, type Knob } from './knob.ts';

/** Every switch, declared once: types, validation, the README table and the defaults all come from here. */
export const KNOBS = {
  profile: choice(
    ['pc.7.5.1.4', 'pc.7.3.1.3', 'pc.2024.3.0.1', '5.10.3'],
    'pc.7.5.1.4',
    ['recorded', '§0, §12.7, §13'],
    'Release to imitate; it moves the defaults of the knobs that differ between releases.',
  ),
  'server.listening': flag(
    true,
    ['simulation', '—'],
    'Off closes the port: connections are refused until it is on again.',
  ),
  'server.header': text('envoy', ['recorded', '§1'], 'The `Server` header of every answer.'),

  'latency.scale': number(
    1,
    0,
    100,
    ['simulation', '—'],
    'Multiplies every task and guest time; 0 makes them immediate.',
  ),
  'delays.scale': number(
    1,
    0,
    100,
    ['simulation', '—'],
    'Multiplies every delay there is: of tasks, guests and requests, of what shows late, and of faults.',
  ),
  'latency.request': range([5, 25], ['recorded', '§1: about 450 ms upstream'], 'Time before any request is answered.'),
  'latency.queued': range([100, 300], ['recorded', '§6, G5'], 'How long a task stays QUEUED.'),
  'latency.create': range([3000, 10000], ['inferred', '§15; 4 s in TFLOG'], 'Creating a VM.'),
  'latency.update': range([1000, 3000], ['inferred', '§15'], 'Changing an entity without a power change.'),
  'latency.power': range([1000, 3000], ['inferred', '§15'], 'Power changes.'),
  'latency.delete': range([2000, 4000], ['recorded', '§6: 3 s'], 'Deleting an entity.'),
  'latency.clone': range([2000, 5000], ['inferred', '§15'], 'Clone, restore, export.'),
  'latency.snapshot': range([2000, 5000], ['inferred', '§15'], 'Recovery points and revert.'),
  'latency.image': range([1000, 2000], ['inferred', '§15'], 'Base time of an image task, beside its transfer.'),
  'latency.other': range([300, 1000], ['inferred', '§15'], 'Every other task.'),
  'latency.softPowerTimeout': range(
    [60000, 60000],
    ['inferred', '§15'],
    'When an unanswered ACPI or guest shutdown is given up.',
  ),

  'auth.sessionMinutes': number(15, 0.01, 1440, ['recorded', '§1'], 'Life of a session cookie.'),
  'auth.unauthorizedBody': choice(['json', 'empty', 'html'], 'json', ['client', '§1, §8, G13'], 'Body of a 401.'),
  'auth.iamCookie': flag(false, ['client', '§1'], 'Adds `NTNX_IAM_SESSION` to the session cookies.'),
  'auth.apiKeys': texts([], ['client', '§1'], 'Values of `X-ntnx-api-key` that are let in.'),
  'auth.basicFailureRate': number(
    0,
    0,
    1,
    ['user', '§1: TF #93'],
    'Share of parallel Basic-auth calls answered 401 or 403, as with LDAP users.',
  ),

  'limits.requestsPerSecond': number(
    0,
    0,
    100000,
    ['user', '§8: 30, 40, 60, 80 by size'],
    'Above it 429; 0 is no limit.',
  ),
  'limits.createsPerSecond': number(
    0,
    0,
    100000,
    ['user', '§8: 5 to 20'],
    'VM creates above it get 429; 0 is no limit.',
  ),
  'limits.retryAfterSeconds': number(
    0,
    0,
    3600,
    ['inferred', '§8: no source shows the header'],
    'Sends `Retry-After` with 429 and 503; 0 leaves it out.',
  ),

  'tasks.retentionMinutes': number(1440, 0, 525600, ['inferred', '§17.6'], 'How long an ended task can be read.'),
  'tasks.late': range(
    [0, 0],
    ['client', '§6: TF taskStateRefreshFunc'],
    'Time in which a new task answers INVALID_UUID.',
  ),

  'guest.responsive': flag(true, ['inferred', '§15'], 'Whether guests obey ACPI and guest-tools requests.'),
  'guest.tools': choice(
    ['asConfigured', 'installed', 'absent'],
    'asConfigured',
    ['inferred', '§4'],
    'Whether guests have Nutanix Guest Tools.',
  ),
  'guest.addressDelay': range(
    [10000, 60000],
    ['inferred', '§15'],
    'From power-on to the LEARNED address on an unmanaged subnet.',
  ),
  'guest.linkLocalFirst': flag(false, ['user', '§14.3'], 'Shows a 169.254 address half-way before the routable one.'),
  'guest.managedAddressDelay': range(
    [0, 0],
    ['user', '§14.3: TF #235'],
    'Hides the ASSIGNED address of a NIC this long after the VM was created.',
  ),

  'power.offWhenOff': choice(
    ['fail', 'succeed'],
    'fail',
    ['user', '§4: TF #289'],
    'Task outcome of powering off a VM that is off.',
  ),
  'power.onWhenOn': choice(
    ['succeed', 'fail'],
    'succeed',
    ['inferred', '§14.7, §17.4'],
    'Task outcome of powering on a VM that is on.',
  ),
  'power.softTask': choice(
    ['waits', 'fires'],
    'waits',
    ['inferred', '§15'],
    'ACPI and guest requests: the task waits for the guest, or ends when the request is sent.',
  ),
  'power.guestWithoutTools': choice(
    ['task', 'reject'],
    'task',
    ['inferred', '§4'],
    'Guest power requests without tools: FAILED task, or 422.',
  ),

  'v3.vmVersioning': choice(
    ['entity_version', 'spec_version'],
    'entity_version',
    ['recorded', '§2'],
    'Which counter of a VM moves; the other stays 0 or is absent.',
  ),
  'v3.vmSpecVersionCheck': choice(
    ['lax', 'strict'],
    'lax',
    ['recorded', '§2: MOCK UpdateVM, TF #268'],
    'Whether a PUT of a VM with a stale spec_version is refused.',
  ),
  'v3.vmEntityVersionCheck': flag(
    true,
    ['inferred', '§17.1'],
    'Whether a PUT of a VM with a stale entity_version is refused.',
  ),
  'v3.otherSpecVersionCheck': choice(
    ['strict', 'lax'],
    'strict',
    ['schema', '§2'],
    'The same for images, subnets, projects and the rest.',
  ),
  'v3.conflictForm': choice(
    ['paired', 'editConflict', 'concurrent'],
    'paired',
    ['inferred', 'G11'],
    'Message, reason, or both of the stale-edit answer that clients test.',
  ),
  'v3.busyVm': choice(
    ['reject', 'queue'],
    'reject',
    ['inferred', '§15'],
    'A write to a VM with a running task: 409, or a queued task.',
  ),
  'v3.taskUuidsKey': choice(
    ['task_uuid', 'task_uuids'],
    'task_uuid',
    ['recorded', '§2, §14.1'],
    'Key of the task array in lists.',
  ),
  'v3.executionContext': choice(
    ['present', 'absent'],
    'present',
    ['recorded', '§2, §14.1'],
    'Whether reads of entities made through v3 show execution_context.',
  ),
  'v3.postEcho': choice(
    ['bare', 'defaults'],
    'bare',
    ['recorded', '§2'],
    'Whether the answer to a write adds defaults and references.',
  ),
  'v3.unknownKeys': choice(
    ['reject', 'ignore'],
    'reject',
    ['user', '§8: TF #36'],
    'Keys that the schema does not have.',
  ),
  'v3.apiVersionRequired': flag(false, ['user', '§8: TF #36'], 'Whether a body without api_version is 422.'),
  'v3.unknownReference': choice(
    ['reject', 'task'],
    'reject',
    ['inferred', '§6, §17.2'],
    'A reference to something that is not there: 422, or 202 and a FAILED task.',
  ),
  'v3.hotChange': choice(
    ['task', 'reject', 'allow'],
    'task',
    ['inferred', '§3'],
    'A change that needs the VM off: FAILED task, 422, or simply done.',
  ),
  'v3.maxLength': number(500, 1, 100000, ['user', '§2'], 'Largest `length` of a list.'),
  'v3.overMaxLength': choice(
    ['reject', 'clamp'],
    'reject',
    ['user', '§2: ANS #228, #354, #483'],
    'A larger length is 422, or cut down.',
  ),
  'v3.defaultLength': number(20, 1, 100000, ['user', '§2'], 'Length of a list that asks for none.'),
  'v3.maxGroupMembers': number(
    100000,
    1,
    100000,
    ['inferred', '§9.1'],
    'Most entities of a group in one answer of groups; a larger count is cut down.',
  ),
  'v3.hostsIgnorePaging': flag(true, ['client', '§2, §14.11'], 'hosts/list always returns everything.'),
  'v3.centralHost': flag(
    true,
    ['client', '§7: FORK'],
    'hosts/list also shows a nameless host of the Prism Central cluster.',
  ),
  'v3.listPending': flag(false, ['schema', '§2'], 'Whether lists show VMs whose create task is running.'),
  'v3.listLate': range(
    [0, 0],
    ['user', '§6: CAPX F-05'],
    'Time after its create task in which a VM is missing from lists.',
  ),
  'v3.entityLate': range([0, 0], ['user', '§6, §14.4'], 'Time after its create task in which reading a VM is 404.'),
  'v3.clonePowerState': choice(['off', 'same'], 'off', ['inferred', '§5, §17.13'], 'Power state of a clone.'),
  'v3.undecodableUserData': choice(
    ['500', '422'],
    '500',
    ['user', '§8: PKR #372'],
    'Answer to user_data that is not base64.',
  ),
  'v3.internalPaths': flag(true, ['schema', '§17.5'], 'Whether snapshot, revert and vm_recovery_points exist.'),
  'v3.webhooks': flag(false, ['user', '§10, §17.3'], 'Whether /webhooks exists and delivers.'),
  'v3.failedCreate': choice(
    ['absent', 'error'],
    'absent',
    ['inferred', '§6'],
    'A VM whose create task failed is gone, or readable in state ERROR.',
  ),
  'v3.failedUpdate': choice(
    ['error', 'complete'],
    'error',
    ['user', 'ANS #439'],
    'State of a VM whose update task failed.',
  ),
  'v3.revertWhileOn': choice(['powersOff', 'fail'], 'powersOff', ['inferred', '§5'], 'Reverting a VM that is on.'),
  'v3.guestCustomizationInReads': flag(true, ['recorded', '§14.16'], 'Whether reads show guest_customization.'),

  'images.download': choice(
    ['real', 'pretend'],
    'real',
    ['simulation', '—'],
    'Whether source_uri is fetched, or an image of 1 GiB is made up.',
  ),
  'images.maxBytes': number(4 * 1024 ** 3, 1, Number.MAX_SAFE_INTEGER, ['simulation', '—'], 'Transfers above it fail.'),
  'images.sizeLate': range(
    [0, 0],
    ['user', '§7, §14.15: PKR'],
    'Time after its task in which an image shows no size_bytes.',
  ),

  'v4.versions': texts(
    ['v4.0.a1', 'v4.0.b1', 'v4.0', 'v4.1', 'v4.2'],
    ['user', '§12.7, §13'],
    'Versions served; any other is a plain-text 404.',
  ),
  'v4.ifMatchOnActions': flag(true, ['schema', '§12.4: TF #1120'], 'Whether VM actions need If-Match.'),
  'v4.ifMatchOnParts': flag(
    true,
    ['schema', '§12.4: TF #1120'],
    'Whether creating and deleting disks, NICs and CD-ROMs needs the ETag of the VM.',
  ),
  'v4.staleEtag': choice(
    ['answer', 'task'],
    'answer',
    ['client', '§12.4, §17.8'],
    'VMM-30303 as a 412, or as a FAILED task.',
  ),
  'v4.requestIdMinutes': number(60, 0, 525600, ['inferred', '§17.6'], 'How long NTNX-Request-Id is remembered.'),
  'v4.unknownReference': choice(
    ['reject', 'task'],
    'reject',
    ['user', '§12.6'],
    'VMM-30106, 30604, 31201 as a 400, or as a FAILED task.',
  ),
  'v4.createPoweredOn': choice(
    ['reject', 'accept'],
    'reject',
    ['client', '§12.4'],
    'Create with powerState ON: 400 VMM-30109, or accepted.',
  ),
  'v4.defaultLimit': number(50, 1, 100, ['schema', '§12.3, §17.7'], '`$limit` of a list that asks for none.'),
  'v4.unknownFields': choice(
    ['reject', 'ignore'],
    'reject',
    ['inferred', '§12.6'],
    'Fields that the model does not have: SchemaValidationError, or nothing.',
  ),
  'v4.nicsTwice': flag(true, ['recorded', '§12.2'], 'NICs carry nicBackingInfo/nicNetworkInfo beside the older pair.'),
  'v4.markFirstOnly': flag(
    false,
    ['recorded', '§12.2'],
    'Only the first element of an array carries $objectType and $reserved.',
  ),
  'v4.entitiesAffected': choice(
    ['plain', 'duplicated', 'late'],
    'plain',
    ['client', '§12.4'],
    'How a task lists what it touched.',
  ),
  'v4.errorMessages': choice(
    ['full', 'absent', 'template'],
    'full',
    ['user', '§12.5, §14.12'],
    'errorMessages of a FAILED task: there, missing, or with unfilled placeholders.',
  ),
  'v4.socketsAndMemory': choice(
    ['accept', 'fail'],
    'accept',
    ['user', '§14.12: TF #1181'],
    'A PUT that changes sockets and memory together.',
  ),
  'v4.statsSelect': choice(
    ['star', 'optional', 'refused'],
    'star',
    ['user', '§9.3, §17.7'],
    '$select of statistics: must be `*`, may be left out, or always VMM-30102.',
  ),
  'v4.statsLag': range([60000, 120000], ['client', '§9.3, §15'], 'How far the newest v4 sample lies behind now.'),

  'metrics.unsampled': texts([], ['client', '§9.1'], 'Metrics with an empty `values`.'),
  'metrics.memoryWithoutTools': choice(
    ['present', 'absent'],
    'present',
    ['inferred', '§17.12'],
    'memory_usage_ppm of a VM without guest tools.',
  ),

  'console.legacyPath': flag(true, ['inferred', '§17.10'], 'Whether /vnc/vm/{uuid}/proxy exists.'),
  'console.tokenMinutes': number(60, 0.001, 1440, ['schema', '§11'], 'Life of a console token.'),
  'console.maxPerVm': number(32, 1, 1000, ['schema', '§11'], 'Open consoles of one VM.'),
} as const;

export type KnobName = keyof typeof KNOBS;
export type Knobs = { readonly [K in KnobName]: (typeof KNOBS)[K] extends Knob<infer T> ? T : never };

/** What differs between the releases that the reference has evidence of. */
export const PROFILES: Readonly<Record<Knobs['profile'], Partial<Knobs>>> = {
  'pc.7.5.1.4': {},
  'pc.7.3.1.3': { 'v4.versions': ['v4.0.a1', 'v4.0.b1', 'v4.0', 'v4.1'] },
  'pc.2024.3.0.1': { 'v4.versions': ['v4.0.a1', 'v4.0.b1', 'v4.0'], 'v4.nicsTwice': false },
  '5.10.3': {
    'server.header': 'Apache',
    'v3.taskUuidsKey': 'task_uuids',
    'v3.vmVersioning': 'spec_version',
    'v3.vmSpecVersionCheck': 'strict',
    'v3.postEcho': 'defaults',
    'v3.overMaxLength': 'clamp',
    'v3.webhooks': true,
    'v4.versions': [],
  },
};
