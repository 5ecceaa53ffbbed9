import { describeRandomLife } from '@polyvirt/hypervisor/testing';
import { openWorkstationBench } from './testing/workstation-bench.ts';

describeRandomLife('Workstation', openWorkstationBench, { timeoutSeconds: 600 });
