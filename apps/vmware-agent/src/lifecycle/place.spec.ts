import { describe, expect, it } from '@jest/globals';
import { macsOf, placeOf, slugOf } from './place.ts';

const operation = '0193a5b1-0000-7000-8000-0123456789ab';

describe('the place of a new machine', () => {
  it('is the same for the same operation, and nobody else’s', () => {
    const place = placeOf('/vms', 'web 1', operation);
    expect(place).toEqual({
      folder: '/vms/web-1-0123456789ab',
      stem: 'web-1',
      vmx: '/vms/web-1-0123456789ab/web-1.vmx',
    });
    expect(placeOf('/vms', 'web 1', operation)).toEqual(place);
  });

  it('is a plain folder name whatever the machine is called', () => {
    const names: readonly (readonly [string, string])[] = [
      ['../../etc/passwd', 'etc-passwd'],
      ['..', 'vm'],
      ['C:\\Windows', 'C-Windows'],
      ['-rf *', 'rf'],
      ['.hidden', 'hidden'],
      ['con.', 'con'],
      ['Été "quoté" & $(reboot)', 'Ete-quote-reboot'],
      ['🚀 日本語', 'vm'],
      ['a'.repeat(80), 'a'.repeat(48)],
    ];
    for (const [name, slug] of names) expect([name, slugOf(name)]).toEqual([name, slug]);
  });

  it('comes with addresses from VMware’s range that nobody has', () => {
    const [first, second] = macsOf(operation, 2, new Set());
    for (const mac of [first!, second!]) expect(mac).toMatch(/^00:50:56:[0-3][0-9a-f](:[0-9a-f]{2}){2}$/);
    expect(macsOf(operation, 2, new Set([first!]))[0]).toBe(second);
    expect(macsOf(operation, 2, new Set())).toEqual([first, second]);
  });
});
