/**
 * Each suite is a Jest project, told apart by the ending of its files; `jest --selectProjects unit` runs one.
 * Suites that drive libvirt, a broker or a database start what they need themselves.
 */
const suite = (displayName, ending, options = {}) => ({
  displayName,
  ...options,
  testMatch: [`<rootDir>/**/*.${ending}.ts`],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/\\.polyvirt/', '/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironment: 'node',
  // Files of one worker share a nats-server; it is started when one needs it, and these end it.
  globalSetup: '<rootDir>/libs/bus/src/testing/brokers.setup.ts',
  globalTeardown: '<rootDir>/libs/bus/src/testing/brokers.teardown.ts',
  testEnvironmentOptions: { customExportConditions: ['@polyvirt/source', 'node', 'node-addons'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
});

export default {
  // A test that waits for something does so for seconds by itself; this is for one that hangs.
  testTimeout: 60_000,
  testSequencer: '<rootDir>/tools/src/test-run/jest-sequencer.ts',
  // Files are always run in processes of their own: nothing that a test leaves open keeps Jest from ending.
  workerIdleMemoryLimit: '1GB',
  projects: [
    suite('unit', 'spec', { setupFiles: ['<rootDir>/tools/src/test-run/pure-unit.ts'] }),
    suite('service', 'service'),
    suite('attack', 'attack'),
    suite('libvirt', 'libvirt'),
    suite('database', 'database'),
    suite('conformance', 'conformance'),
    suite('simulator', 'simulator'),
    suite('e2e', 'e2e'),
    suite('browser', 'browser'),
    suite('powershell', 'powershell'),
    suite('docker', 'docker'),
    suite('kill', 'kill'),
    suite('chaos', 'chaos'),
  ],
};
