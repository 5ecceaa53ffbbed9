import { describe, expect, it } from '@jest/globals';
import { createVm } from '@polyvirt/contracts';
import {
  bodyOf,
  draftOfQuery,
  emptyDraft,
  nextName,
  queryOfDraft,
  stepOfPointer,
  steps,
  userDataOf,
  type Draft,
} from './draft.ts';

const draft = (more: Partial<Draft>): Draft => ({ ...emptyDraft, host: 'kvm-a', name: ' web-1 ', ...more });

describe('a draft of a machine', () => {
  it.each<[string, Partial<Draft>]>([
    ['from an image', { image: 'tiny-linux', network: 'default' }],
    ['from an image, larger', { image: 'tiny-linux', diskGiB: 20 }],
    ['from a template', { source: 'template', template: 'base' }],
    ['blank, with a CD', { source: 'blank', diskGiB: 8, cdrom: 'rescue' }],
    [
      'with a fixed address and labels',
      { image: 'tiny-linux', network: 'default', address: '10.0.0.5', labels: 'env=test, x' },
    ],
    ['with a user', { image: 'tiny-linux', user: 'ada', password: 'se"cret', sshKey: 'ssh-ed25519 AAAA ada' }],
  ])('%s becomes a request that the API takes', (_, more) => {
    const parsed = createVm.body!.safeParse(bodyOf(draft(more)));
    expect(parsed.error?.issues).toBeUndefined();
    expect(parsed.data).toMatchObject({ host: 'kvm-a', name: 'web-1' });
  });

  it('writes cloud-init in which no name or password can break out', () => {
    const text = userDataOf(draft({ user: 'a: b\nroot', password: '"\n- x', sshKey: 'k"' }));
    expect(text.split('\n')[0]).toBe('#cloud-config');
    expect(text).toContain('- name: "a: b\\nroot"');
    expect(text).toContain('plain_text_passwd: "\\"\\n- x"');
    expect(userDataOf(draft({ user: 'a', userData: '#cloud-config\nmine: 1\n' }))).toBe('#cloud-config\nmine: 1\n');
    expect(userDataOf(draft({}))).toBe('');
  });

  it.each([
    ['web', 'web-2'],
    [' web-2', 'web-3'],
    ['web-9', 'web-10'],
    ['a-b', 'a-b-2'],
  ])('offers after %j the name %j', (name, next) => {
    expect(nextName(name)).toBe(next);
  });

  it('is kept without what is of one machine alone, and without what passwords may be in', () => {
    const kept = {
      host: 'kvm-a',
      source: 'blank',
      cpus: 4,
      diskGiB: 20,
      user: 'ada',
      labels: 'a=b,c',
      start: false,
    } as const;
    const alone = { name: 'web', address: '10.0.0.5', password: 'secret', userData: 'password: secret' };
    const query = queryOfDraft(draft({ ...kept, ...alone }));
    expect(query.toString()).not.toMatch(/secret|web|10\.0/);
    const { name, address, password, userData } = emptyDraft;
    expect({ ...draftOfQuery(query), name, address, password, userData }).toEqual({ ...emptyDraft, ...kept });
    expect(draftOfQuery(queryOfDraft(emptyDraft))).toMatchObject({ diskGiB: '', start: true });
  });

  it('knows the step of each field', () => {
    const of = (pointer: string) => steps[stepOfPointer(pointer)];
    expect(of('/name')).toBe('where');
    expect(of('/disks/0/image')).toBe('source');
    expect(of('/disks/0/sizeGiB')).toBe('size');
    expect(of('/nics/0/address')).toBe('network');
    expect(of('/cloudInit/userData')).toBe('guest');
    expect(of('')).toBe('confirm');
  });
});
