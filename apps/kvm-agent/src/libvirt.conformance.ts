import { describeDriver } from '@polyvirt/hypervisor/testing';
import { openLibvirtBench } from './testing/libvirt-bench.ts';

describeDriver('libvirt', openLibvirtBench, { timeoutSeconds: 120 });
