import { choice, map, number, numbers, text, type ValueOf } from './knob.ts';

/** Every knob; the README's table is checked against this. */
export const CATALOGUE = {
  // The installation
  style: choice(
    ['linux', 'windows'],
    'S: PKR, VAG',
    'Platform imitated: paths, line ends, code page, path comparison, file places.',
  ),
  product: choice(
    ['workstation', 'player', 'fusion'],
    'S: GNS3, VAG',
    'Product installed; decides which `-T` is accepted.',
  ),
  productVersion: text('17.6.3', 'S: ENC, PKR', 'Version in `vmware -v` and vmware.log, e.g. `25H2`.'),
  productBuild: text('24583834', 'S: ENC', 'Build in `vmware -v`, vmware.log and vmcli.'),
  vmrunVersion: text(
    '1.17.0.24995812',
    'S: HLP, VMCTL',
    'Printed after `vmrun version`; older spelling `1.17.0 build-17801498`.',
  ),
  bannerBlankLines: number(1, '?: HLP, HV', 'Empty lines before the banner; one client reads the version from line 3.'),
  maxHardwareVersion: number(
    0,
    'S: PKR, VMCTL',
    'Newest virtualHW.version the product starts; a newer one is canceled. 0 means what productVersion is known for.',
  ),
  display: choice(
    ['auto', 'present', 'absent'],
    'S: VIX',
    'Whether `gui` finds a display; auto looks at DISPLAY (always present on Windows).',
  ),
  guiHoldsPipes: choice(
    ['auto', 'yes', 'no'],
    'S: VAZY, SFG',
    'The GUI inherits stdout and stderr of `start gui`; auto means on Windows only.',
  ),
  drives: map(
    {},
    'own',
    'Windows drive letter to folder of this machine; otherwise `<home>/simulator/drives/<letter>`.',
  ),
  qemuImg: choice(['auto', 'never'], 'own', 'Make and convert disks with qemu-img where present, or never.'),

  // Text and exit codes
  codePage: text(
    '',
    'S: TRI',
    'Encoding of the output; empty means UTF-8 on Linux, windows-1252 on Windows. E.g. `gbk`.',
  ),
  failureExit: number(-1, 'S: VAG, GNS3', 'Exit code of a failed command (255 on Unix).'),
  diskFailureExit: number(1, 'I', 'Exit code of a failed `vmware-vdiskmanager`.'),
  bareExit: number(-1, 'P: NTD, WEBQ', 'Exit code of bare `vmrun` and of help.'),
  preamble: text('', 'S: VAG', 'A log line printed before any output, as Fusion may do.'),
  texts: map({}, 'I', 'Replaces texts in the output: localised builds and texts whose wording is not verified.'),
  vmcliWords: map({}, 'I', 'Other words of `vmcli power query` for `on`, `paused` and `suspended`.'),
  notPoweredOnText: choice(
    ['with-path', 'short'],
    '?: HV, WSLP',
    '`The virtual machine is not powered on` with or without the path.',
  ),

  // Timing
  latencyMs: numbers(
    {},
    'S: NTD, VAZY',
    'Milliseconds each command takes at least, by command name; `*` for the others.',
  ),
  toolsDelayMs: number(1500, 'S: NTD, VAZY', 'From power-on or reset until Tools run; negative means never.'),
  addressDelayMs: number(
    2500,
    'S: NTD, VAZY',
    'From power-on or reset until the guest has an address; negative means never.',
  ),
  resumeDelayMs: number(200, 'I', 'From resume until Tools run again.'),
  guestShutdownMs: number(500, 'S: VAG', 'How long a guest takes to shut down or to restart softly.'),
  softTimeoutMs: number(
    60000,
    'I',
    'How long a soft stop is waited for before it fails; the guest may still end later.',
  ),
  guestReadyMs: number(0, 'S: VAZY', 'From Tools running until guest operations are accepted.'),
  scriptsReadyMs: number(
    0,
    'S: VIX',
    'From Tools running until a soft stop or reset is accepted (`Cannot execute scripts`).',
  ),
  listLagMs: number(0, 'I', 'How long `list` lags behind a start or stop.'),
  suspendBusyMs: number(0, 'S: NTD', 'After suspend, how long the configuration cannot be read.'),

  // Power
  startRunning: choice(
    ['refuse', 'already-running', 'succeed'],
    '?: WEBQ, VIX',
    'Answer of `start` for a VM that runs.',
  ),
  stopDefault: choice(['soft', 'hard'], 'I', 'What `stop` without a mode means.'),
  resetDefault: choice(['soft', 'hard'], 'I', 'What `reset` without a mode means.'),
  suspendDefault: choice(['hard', 'soft'], 'I', 'What `suspend` without a mode means.'),
  softStop: choice(
    ['guest-obeys', 'guest-ignores'],
    'S: VAG',
    'Whether the guest follows a soft stop; else it runs into softTimeoutMs.',
  ),
  resetHard: choice(['restarts', 'leaves-off'], 'S*: NTD', '`reset hard` was once seen to leave the VM off.'),
  question: choice(['hang', 'canceled', 'blocked-text'], '?: VAG', 'What a pending question does to `start nogui`.'),
  pendingQuestion: choice(['no', 'yes'], 'own', 'Makes the next power-on ask a question.'),
  questionLog: choice(['msg-question', 'silent'], 'I', 'Whether vmware.log has a `Msg_Question` line for a question.'),
  questionListed: choice(['yes', 'no'], 'I', 'Whether a VM blocked by a question is in `list`.'),
  staleLock: choice(['refuse', 'take-over'], '?: NTD', 'What a disk lock of a dead process does to `start`.'),
  duplicateKeys: choice(['refuse', 'last-wins'], 'I', 'A .vmx with a key twice.'),
  crashAfterMs: number(-1, 'own', 'The VM process kills itself this long after power-on; negative means never.'),
  leavesLocks: choice(['no', 'yes'], 'own', 'The VM process leaves its locks behind when it ends.'),
  openInGui: choice(['no', 'yes'], 'own', 'Behaves as if the VM were open in a GUI of someone else.'),
  vmPassword: text('', 'own', 'Password of encrypted VMs (those with `encryption.keySafe`); set, it encrypts any VM.'),

  // Snapshots
  duplicateSnapshotNames: choice(
    ['refuse', 'refuse-siblings', 'allow'],
    '?: HV, VIX',
    '`snapshot` with a name that exists.',
  ),
  snapshotSlash: choice(['refuse', 'allow'], 'I', '`snapshot` with a `/` or a backslash in the name.'),
  unknownSnapshotText: choice(
    ['invalid-name', 'does-not-exist'],
    '?: VMLAB, NTD',
    'Text for a snapshot that does not exist.',
  ),
  revertRunning: choice(['in-use', 'allow'], 'S*: NTD', '`revertToSnapshot` while the VM runs.'),
  revertLive: choice(
    ['suspended', 'running', 'stopped'],
    '?: NTD, VIX',
    'State after reverting to a snapshot with memory.',
  ),
  deleteSnapshotChildren: choice(
    ['reparent', 'refuse'],
    'I',
    '`deleteSnapshot` of a snapshot with children, without andDeleteChildren.',
  ),
  deleteSnapshotWithClones: choice(
    ['allow', 'refuse'],
    'I',
    '`deleteSnapshot` of a snapshot that linked clones need; allowed, it breaks them.',
  ),

  // Clones and deletion
  cloneExisting: choice(['refuse', 'overwrite'], 'I', '`clone` to a .vmx that exists.'),
  cloneMakesFolder: choice(['yes', 'no'], 'I', 'Whether `clone` makes the folder of its destination.'),
  cloneDisplayName: choice(
    ['clone-of', 'source', 'file'],
    'I',
    'displayName without -cloneName: `Clone of X`, `X`, or the file name.',
  ),
  cloneRunning: choice(
    ['refuse', 'allow-snapshot'],
    'P: VIX, LOVM',
    '`clone` of a running VM from a snapshot without memory.',
  ),
  cloneLiveSnapshot: choice(['refuse', 'allow-full'], 'P: VIX, TRI', 'Full clone from a snapshot with memory.'),
  playerClone: choice(['parameter-invalid', 'license', 'not-supported'], '?: VAG, VIX', '`clone` with a Player.'),
  playerSnapshot: choice(['not-supported', 'license'], '?: VIX', 'Snapshot commands with a Player.'),
  deleteVmFolder: choice(
    ['remains', 'removed'],
    'S: VMCTL, VMLAB',
    'Whether `deleteVM` removes the folder when nothing is left in it but logs and locks.',
  ),
  upgradeCurrent: choice(['error', 'ok'], '?: VIX', '`upgradevm` of a VM that is up to date.'),

  // Tools and guest
  tools: choice(['present', 'absent'], 'own', 'Whether the guest has VMware Tools.'),
  toolsStateHeadless: choice(
    ['running', 'installed'],
    'S: open-vm-tools#718',
    '`checkToolsState` of a running headless guest.',
  ),
  toolsStateOffExit: number(0, '?: WSLP', 'Exit code of `checkToolsState` for a VM that is off; -2 was seen once.'),
  guestAddress: text(
    '',
    'own',
    'Address the guest reports; empty means its DHCP lease. E.g. `169.254.7.7`, `fe80::1`, `192.168.3.1`.',
  ),
  guestUsers: map(
    { root: 'password', user: 'password', Administrator: 'password' },
    'own',
    'Guest accounts: name to password.',
  ),
  guestConsoleUser: text('', 'own', 'User at the guest console; nobody means `-interactive` fails.'),
  guestBusyText: choice(
    ['tools', 'waiting'],
    'S: VMXT, VAZY',
    'Answer while guestReadyMs runs: Tools are not running, or `Waiting for Command execution Available`.',
  ),
  guestOpPaused: choice(['tools', 'hang'], 'I', 'A guest operation on a paused VM.'),
  guestProgramExits: numbers({}, 'own', 'Exit codes of guest programs by path.'),
  cmdExeArguments: choice(['work', 'fail'], 'S*: LAB', '`cmd.exe` with arguments in a Windows guest.'),
  missingFileExit: number(-1, 'I', 'Exit code of `The file does not exist.` and `The directory does not exist.`'),
  directoryListHeader: choice(['counted', 'plain'], 'I', '`Directory list: N` or `Directory list`.'),
  unsetVariable: choice(['empty', 'error'], 'I', '`readVariable` of a variable that is not set.'),
  variablesWhenOff: choice(['refuse', 'allow'], 'I', 'readVariable and writeVariable of a VM that is off.'),
  installToolsMs: number(500, 'I', 'How long `installTools` blocks until Tools are installed.'),

  // Networks
  networkAdapterCommands: choice(
    ['supported', 'unrecognized'],
    '?: MECH, VFP',
    'Whether the NetworkAdapter commands exist for `-T ws`.',
  ),
  portForwardingRights: choice(['anyone', 'root'], 'I', 'Who may change port forwardings.'),
  portForwardingTable: choice(['headed', 'plain'], 'I', 'Whether `listPortForwardings` has a heading line.'),

  // Several commands at once
  busy: choice(['refuse', 'wait'], 'I', 'A change of a VM that another vmrun is changing.'),
  killedCall: choice(['stops', 'goes-on'], 'I', 'The work of a vmrun that is killed.'),

  // What a VM process uses
  burnMsPerSecond: number(1, 'own', 'CPU time a running VM burns each second.'),
  ballastMiB: number(2, 'own', 'Memory a running VM touches.'),
} as const;

type Catalogue = typeof CATALOGUE;

export type KnobName = keyof Catalogue;

export type Knobs = { -readonly [K in KnobName]: ValueOf<Catalogue[K]> };

/** Knobs that only the whole installation can have, not one VM. */
export const INSTALLATION_KNOBS: ReadonlySet<KnobName> = new Set<KnobName>([
  'style',
  'product',
  'productVersion',
  'productBuild',
  'vmrunVersion',
  'bannerBlankLines',
  'drives',
  'codePage',
  'bareExit',
  'diskFailureExit',
  'killedCall',
  'preamble',
  'texts',
  'listLagMs',
]);

/** Newest virtual hardware of a release; see VMware's KB 315655. */
const HARDWARE_VERSIONS: readonly (readonly [release: RegExp, version: number])[] = [
  [/^\d\dH\d/, 22],
  [/^17\.[5-9]/, 21],
  [/^17\./, 20],
  [/^16\.[2-9]/, 19],
  [/^16\./, 18],
  [/^15\./, 16],
  [/^14\./, 14],
];
const USUAL_HARDWARE_VERSION = 21;

export const newestHardwareOf = (productVersion: string): number =>
  HARDWARE_VERSIONS.find(([release]) => release.test(productVersion))?.[1] ?? USUAL_HARDWARE_VERSION;

/**
 * Latencies as users of the real product reported them. With `"latency": "realistic"` in the knob file these are the
 * defaults; each can still be set.
 */
export const REALISTIC: Partial<Knobs> = {
  latencyMs: { '*': 300, list: 400, start: 3000, suspend: 2500, snapshot: 1500, clone: 4000, deleteSnapshot: 2000 },
  toolsDelayMs: 20000,
  addressDelayMs: 28000,
  guestShutdownMs: 8000,
  suspendBusyMs: 1500,
  listLagMs: 1000,
};
