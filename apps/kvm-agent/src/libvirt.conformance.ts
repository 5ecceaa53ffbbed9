import { describeDriver } from '@polyvirt/hypervisor/testing';
import { openLibvirtBench } from './testing/libvirt-bench.ts';

const report = new URL('../../../.polyvirt/conformance/kvm.json', import.meta.url).pathname;

describeDriver('libvirt', openLibvirtBench, { timeoutSeconds: 120, report });
