export * from './allow.ts';
export * from './driver.ts';
export * from './fake/fake.driver.ts';
export { FakeFaults, type Fault } from './fake/fake-faults.ts';
export { FakeHost, type Act, type FakeHostOptions } from './fake/fake-host.ts';
export type { FakeMachine, FakeNic, FakeSnapshot, FakeVolume } from './fake/fake-machine.ts';
