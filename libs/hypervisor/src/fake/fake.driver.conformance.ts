import { fileURLToPath } from 'node:url';
import { capabilityNames } from '@polyvirt/contracts';
import { describeDriver } from '../testing/describe-driver.ts';
import { describeRandomLife } from '../testing/random-life/describe-random-life.ts';
import { benchOn } from './fake-bench.ts';
import { FakeHost } from './fake-host.ts';

const report = fileURLToPath(new URL('../../../../.polyvirt/conformance/fake.json', import.meta.url));

describeRandomLife('FakeDriver', async () => benchOn(new FakeHost()));

describeDriver('FakeDriver', async () => benchOn(new FakeHost()), { timeoutSeconds: 20, report });

describeDriver(
  'FakeDriver without facets',
  async () =>
    benchOn(new FakeHost(), Object.fromEntries(capabilityNames.map((name) => [name, `This host has no ${name}.`]))),
  { timeoutSeconds: 20 },
);
