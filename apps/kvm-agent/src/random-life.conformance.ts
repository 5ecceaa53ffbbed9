import { describeRandomLife } from '@polyvirt/hypervisor/testing';
import { openLibvirtBench } from './testing/libvirt-bench.ts';

describeRandomLife('libvirt', openLibvirtBench, { timeoutSeconds: 300 });
