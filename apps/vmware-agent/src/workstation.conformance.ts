import { describeDriver } from '@polyvirt/hypervisor/testing';
import { openWorkstationBench } from './testing/workstation-bench.ts';

const report = new URL('../../../.polyvirt/conformance/vmware.json', import.meta.url).pathname;

describeDriver('Workstation', openWorkstationBench, { timeoutSeconds: 240, report });
