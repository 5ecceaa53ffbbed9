import { fileURLToPath } from 'node:url';
import { describeDriver, describeRandomLife } from '@polyvirt/hypervisor/testing';
import { openPrismBench } from './testing/prism-bench.ts';

const report = fileURLToPath(new URL('../../../.polyvirt/conformance/nutanix.json', import.meta.url));

// Prism samples every 30 seconds, and a counter has moved when the next sample is there.
describeDriver('Prism Central', () => openPrismBench(), { timeoutSeconds: 120, report });

describeRandomLife('Prism Central', () => openPrismBench());
