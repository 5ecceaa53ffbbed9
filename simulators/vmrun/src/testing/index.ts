/** For the tests of this simulator, and of what is tried on it. */
export { TestClock, type Struck } from './test-clock.ts';
export { scaled } from './time-scale.ts';
