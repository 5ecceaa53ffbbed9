import { describe, expect, it } from '@jest/globals';
import { Fiql, FilterError, type Lookup } from './fiql.ts';

interface Machine {
  readonly name: string;
  readonly cpus: number;
  readonly power?: string;
  readonly tags?: readonly string[];
}

const lookup: Lookup<Machine> = (machine, attribute) => {
  switch (attribute) {
    case 'vm_name':
      return [machine.name];
    case 'num_vcpus':
      return [machine.cpus];
    case 'power_state':
      return machine.power === undefined ? [] : [machine.power];
    case 'tags':
      return machine.tags ?? [];
    default:
      return undefined;
  }
};

const web: Machine = { name: 'web-01', cpus: 2, power: 'on', tags: ['a', 'b'] };
const db: Machine = { name: 'db 01', cpus: 8 };
const matching = (filter: string): string[] =>
  [web, db].filter((machine) => Fiql.parse(filter).matches(machine, lookup)).map(({ name }) => name);

describe('the FIQL of v3', () => {
  it.each([
    ['vm_name==web-01', ['web-01']],
    ['vm_name==db 01', ['db 01']],
    ['vm_name!=web-01', ['db 01']],
    ['num_vcpus=gt=2', ['db 01']],
    ['num_vcpus=ge=2', ['web-01', 'db 01']],
    ['num_vcpus=lt=10', ['web-01', 'db 01']],
    ['num_vcpus=le=2', ['web-01']],
    ['vm_name=in=web-01|x', ['web-01']],
    ['vm_name=in=(x,db 01)', ['db 01']],
    ['vm_name==.*WEB.*', ['web-01']],
    ['tags==b', ['web-01']],
    ['power_state==[no_val]', ['db 01']],
    ['power_state!=[no_val]', ['web-01']],
    ['vm_name==web-01;num_vcpus==2', ['web-01']],
    ['vm_name==web-01;num_vcpus==3', []],
    ['vm_name==web-01,vm_name==db 01', ['web-01', 'db 01']],
    ['(vm_name==web-01,vm_name==db 01);num_vcpus==8', ['db 01']],
  ])('%s', (filter, names) => {
    expect(matching(filter)).toEqual(names);
  });

  it('takes a separator for text behind a backslash', () => {
    expect(Fiql.parse('vm_name==a\\;b').matches({ name: 'a;b', cpus: 1 }, lookup)).toBe(true);
  });

  it('names the attributes it looks at', () => {
    expect([...Fiql.parse('a==1;(b==2,c==3)').attributes()]).toEqual(['a', 'b', 'c']);
  });

  it.each(['vm_name', 'vm_name=', '==x', '(vm_name==x', 'vm_name==x)', 'vm_name=like=x'])('refuses %s', (filter) => {
    expect(() => Fiql.parse(filter)).toThrow(FilterError);
  });
});
