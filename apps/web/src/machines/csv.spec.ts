import { describe, expect, it } from '@jest/globals';
import type { Vm } from '../api/client.ts';
import { asCsv } from './csv.ts';

const vm = (more: Partial<Vm>) =>
  ({ id: 'a~1', name: 'web', state: 'running', host: 'a', hypervisor: 'kvm', nics: [], labels: {}, ...more }) as Vm;

describe('machines as CSV', () => {
  it('have a line each, with nothing for what is not known', () => {
    const nics = [{ addresses: ['10.0.0.5', 'fd00::5'] }] as Vm['nics'];
    expect(asCsv([vm({ cpus: 2, nics, labels: { env: 'test', tier: '' } })]).split('\r\n')).toEqual([
      'id,name,state,host,hypervisor,cpus,memoryMiB,addresses,labels,createdAt,observedAt',
      'a~1,web,running,a,kvm,2,,10.0.0.5 fd00::5,env=test tier=,,',
      '',
    ]);
  });

  it.each([
    ['a, b', '"a, b"'],
    ['say "hi"', '"say ""hi"""'],
    ['=1+1', "'=1+1"],
    ['@x', "'@x"],
    ['-1,2', `"'-1,2"`],
  ])('keep the name %j one text', (name, cell) => {
    expect(asCsv([vm({ name })])).toContain(`\r\na~1,${cell},running`);
  });
});
