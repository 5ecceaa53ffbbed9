import { afterAll, beforeAll, it } from '@jest/globals';
import { Lives } from './testing/lives.ts';
import { SimulatedWorkstation, type Knobs } from './testing/simulated-workstation.ts';
import { Together } from './testing/together.ts';

/** Every point that sources leave open or tell in two ways is a knob of the simulator; the driver lives with each answer. */
const variants: readonly (readonly [title: string, knobs: Knobs, life: (lives: Lives) => Promise<unknown>])[] = [
  [
    'goes on by itself after a revert',
    { revertLive: 'running', revertRunning: 'allow' },
    (lives) => lives.revertToMemory(),
  ],
  ['is off after a revert', { revertLive: 'stopped' }, (lives) => lives.revertToMemory()],
  [
    'calls an unknown snapshot invalid',
    { unknownSnapshotText: 'invalid-name' },
    (lives) => lives.revertToWhatVanishes(),
  ],
  [
    'calls an unknown snapshot missing',
    { unknownSnapshotText: 'does-not-exist' },
    (lives) => lives.revertToWhatVanishes(),
  ],
  [
    'deletes no snapshot that has children',
    { deleteSnapshotChildren: 'refuse' },
    (lives) => lives.deleteParentIsRefused(),
  ],
  [
    'lets children of a deleted snapshot move up',
    { deleteSnapshotChildren: 'reparent' },
    (lives) => lives.deleteParent(),
  ],
  ['deletes no snapshot that has clones', { deleteSnapshotWithClones: 'refuse' }, (lives) => lives.deleteWithClones()],
  ['deletes snapshots that have clones', { deleteSnapshotWithClones: 'allow' }, (lives) => lives.deleteWithClones()],
  ['takes slashes in names of snapshots', { snapshotSlash: 'allow' }, (lives) => lives.snapshotsWithSlashes()],
  [
    'takes a name of a snapshot again',
    { duplicateSnapshotNames: 'allow' },
    (lives) => lives.namesakesBesideEachOther(),
  ],
  [
    'takes a name of a snapshot again below',
    { duplicateSnapshotNames: 'refuse-siblings' },
    (lives) => lives.namesakesBelowEachOther(),
  ],
  [
    'makes no clone over what is there',
    { cloneExisting: 'refuse', cloneDisplayName: 'source' },
    (lives) => lives.cloneTwice(),
  ],
  [
    'makes a clone over what is there',
    { cloneExisting: 'overwrite', cloneDisplayName: 'file' },
    (lives) => lives.cloneTwice(),
  ],
  [
    'clones a VM that runs',
    { cloneRunning: 'allow-snapshot', cloneLiveSnapshot: 'allow-full' },
    (lives) => lives.cloneWhatRuns(),
  ],
  ['refuses disks that a dead VM has locked', { staleLock: 'refuse' }, (lives) => lives.startAfterCrash()],
  ['takes over disks that a dead VM has locked', { staleLock: 'take-over' }, (lives) => lives.startAfterCrash()],
  ['opens no file with a key twice', { duplicateKeys: 'refuse' }, (lives) => lives.startWithKeyTwice(false)],
  ['opens a file with a key twice', { duplicateKeys: 'last-wins' }, (lives) => lives.startWithKeyTwice(true)],
  ['leaves a VM off after a reset', { resetHard: 'leaves-off' }, (lives) => lives.reset()],
  ['has a guest that does not stop', { softStop: 'guest-ignores', softTimeoutMs: 300 }, (lives) => lives.stopInVain()],
  ['is busy after a suspend', { suspendBusyMs: 60_000 }, (lives) => lives.suspendAndResume()],
  ['loses a VM', { crashAfterMs: 4_000 }, (lives) => lives.loseVm()],
  ['refuses a second change', { busy: 'refuse' }, (lives) => lives.snapshotMeanwhile()],
  ['lets a second change wait', { busy: 'wait' }, (lives) => lives.snapshotMeanwhile()],
  [
    'knows Tools of a headless guest as installed only',
    { toolsStateHeadless: 'installed' },
    (lives) => lives.askGuest(),
  ],
  ['fails at a look at the Tools of a VM that is off', { toolsStateOffExit: -2 }, (lives) => lives.askGuest()],
  ['refuses to start what runs', { startRunning: 'refuse' }, (lives) => lives.startMeanwhile()],
  ['refuses in other words to start what runs', { startRunning: 'already-running' }, (lives) => lives.startMeanwhile()],
  ['says nothing when it starts what runs', { startRunning: 'succeed' }, (lives) => lives.startMeanwhile()],
  ['is a Player', { product: 'player', playerClone: 'parameter-invalid' }, (lives) => lives.liveOnPlayer()],
  [
    'is a Player with a licence to refuse by',
    { product: 'player', playerClone: 'license' },
    (lives) => lives.templateOnPlayer(),
  ],
  [
    'is a Player that supports no clones',
    { product: 'player', playerClone: 'not-supported' },
    (lives) => lives.templateOnPlayer(),
  ],
  ['is of Windows', { style: 'windows' }, (lives) => lives.liveShortly()],
  ['speaks Chinese', { codePage: 'gbk' }, (lives) => lives.liveInGbk()],
  ['is new', { productVersion: '25H2', vmrunVersion: '1.17.0.25388281' }, (lives) => lives.liveOnRelease('25H2', '22')],
  [
    'is old',
    { productVersion: '16.2.5', vmrunVersion: '1.17.0 build-17801498' },
    (lives) => lives.liveOnRelease('16.2.5', '19'),
  ],
  [
    'has other words for what is on',
    { vmcliWords: { on: 'poweredOn', paused: 'isPaused' } },
    (lives) => lives.pauseAndResume(),
  ],
  [
    'has a word for paused that nobody has told of',
    { vmcliWords: { paused: 'frozen' } },
    (lives) => lives.pauseAndResume(),
  ],
  ['has no word in its log for a question', { questionLog: 'silent' }, (lives) => lives.liveShortly()],
];

const lifeMs = 120_000;
/** Each waits for programs most of the time. */
const atOnce = 3;

const together = new Together(atOnce);
let models: SimulatedWorkstation;
let model = '';
beforeAll(async () => {
  models = new SimulatedWorkstation();
  model = await models.foreignVm(models.folder, 'model', { 'msg.autoAnswer': 'TRUE', 'uuid.action': 'create' }, true);
});
afterAll(async () => {
  await together.close();
  await models.close();
});

for (const [title, knobs, life] of variants)
  it(
    `carries VMs through their lives on a Workstation that ${title}`,
    together.add(async () => {
      const host = new SimulatedWorkstation(knobs);
      try {
        await life(await Lives.on(host, model, knobs));
      } finally {
        await host.close();
      }
    }),
    atOnce * lifeMs,
  );
