import { describe, expect, it } from '@jest/globals';
import { faultsIn, type Found, type Heard } from './verdict.ts';

const asked = (operationId: string, verb: string, name = 'web') => ({ operationId, verb, host: 'a', name });
const heard = (...events: [type: string, subject: string, id?: string][]): Heard[] =>
  events.map(([type, subject, id], sequence) => ({ type, subject, sequence, id: id ?? `${sequence}` }));
const well: Found = {
  acknowledged: [asked('1', 'vm.create'), asked('2', 'vm.create', 'db'), asked('3', 'vm.delete', 'db')],
  gone: [],
  shown: new Map([
    ['1', 'succeeded'],
    ['2', 'succeeded'],
    ['3', 'succeeded'],
  ]),
  events: heard(
    ['operation.succeeded', '1'],
    ['vm.created', 'a~db'],
    ['operation.succeeded', '2'],
    ['vm.deleted', 'a~db'],
    ['operation.succeeded', '3'],
  ),
  machines: [{ host: 'a', name: 'web', isOn: true }],
  processes: ['web'],
  archives: ['web', 'db'],
};

describe('the verdict on a run of chaos', () => {
  it('finds no fault where there is none', () => expect(faultsIn(well)).toEqual([]));

  it.each<[string, Partial<Found>, RegExp[]]>([
    [
      'an operation that nobody knows',
      { shown: new Map([...well.shown].slice(1)) },
      [/\(1\).*is not known/, /web.*left/],
    ],
    [
      'one that has not ended',
      { shown: new Map([...well.shown, ['3', 'running']]) },
      [/has not ended/, /db on a is lost/],
    ],
    [
      'one that ended twice',
      { events: [...well.events, { ...well.events[4]!, sequence: 5, id: 'x' }] },
      [/has 2 ends/],
    ],
    ['one without an end in the stream', { events: well.events.slice(0, 4) }, [/has 0 ends/]],
    [
      'one with another end',
      { shown: new Map([...well.shown, ['1', 'failed']]) },
      [/shown as failed/, /web.*left behind/],
    ],
    ['a process of one that is off', { machines: [{ host: 'a', name: 'web', isOn: false }] }, [/a process runs web/]],
    ['a process of none', { processes: ['web', 'db'] }, [/a process runs db/]],
    ['two processes of one', { processes: ['web', 'web'] }, [/2 processes run web/]],
    ['one on without a process', { processes: [] }, [/web is shown as on/]],
    ['one that was never archived', { archives: ['web'] }, [/db has no archive folder/]],
    ['one archived twice', { archives: ['web', 'db', 'db'] }, [/db has 2 archive folders/]],
    ['an archive of none', { archives: ['web', 'db', 'db-2'] }, [/archive folder db-2 is of no machine/]],
    ['an event that came twice', { events: well.events.map((event) => ({ ...event, id: 'x' })) }, [/5 times/]],
    [
      'a gap',
      { events: well.events.map((event, n) => ({ ...event, sequence: n > 2 ? n + 1 : n })) },
      [/gap before event 4/],
    ],
    [
      'a machine that came back',
      { events: [...well.events, { type: 'vm.created', subject: 'a~db', sequence: 5, id: 'x' }] },
      [/created after it had been deleted/],
    ],
    ['a lost machine', { machines: [], processes: [] }, [/web on a is lost/]],
    ['one that was deleted, and is there', { gone: [{ host: 'a', name: 'web' }] }, [/web on a is left behind/]],
    ['a doubled machine', { machines: [...well.machines, ...well.machines] }, [/there 2 times/]],
    [
      'one left behind',
      { machines: [...well.machines, { host: 'a', name: 'db', isOn: false }] },
      [/db on a is left behind/],
    ],
    [
      'one on another host',
      { machines: [{ host: 'b', name: 'web', isOn: true }] },
      [/web on a is lost/, /web on b is left/],
    ],
  ])('finds %s', (_, change, faults) => {
    expect(faultsIn({ ...well, ...change })).toEqual(faults.map((fault) => expect.stringMatching(fault)));
  });
});
