export * from './allow.ts';
export { buildIso, type IsoFile } from './cloud-init/iso9660.ts';
export { buildSeedIso, hostnameFrom, type SeedFacts } from './cloud-init/seed-iso.ts';
export { ChangeQueue } from './change-queue.ts';
export * from './driver.ts';
export * from './fake/fake.driver.ts';
export { FakeFaults, type Fault } from './fake/fake-faults.ts';
export { FakeHost, type Act, type FakeHostOptions } from './fake/fake-host.ts';
export type { FakeMachine, FakeNic, FakeSnapshot, FakeVolume } from './fake/fake-machine.ts';
