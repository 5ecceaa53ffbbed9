import { bad, type BadRequest } from './bad-request.ts';

const invalid = '400 invalid-input';
const expected403 = '403 forbidden';
const unknown = '404 host-not-found';

const add = (expected: BadRequest['expected'], what: string, body: unknown, as: BadRequest['as'] = 'admin') =>
  bad(expected, `host: ${what}`, 'POST /hosts', { body, as });

const token = `pvj_${'0'.repeat(32)}.${'A'.repeat(43)}`;
const key = `U${'A'.repeat(55)}`;
const proof = 'A'.repeat(86);
const join = (expected: BadRequest['expected'], what: string, fields: object) =>
  bad(expected, `join: ${what}`, 'POST /hosts/join', {
    as: 'nobody',
    body: { token, publicKey: key, proof, agentVersion: '1', ...fields },
  });

export const hosts: BadRequest[] = [
  add(invalid, 'nothing', {}),
  add(invalid, 'no hypervisor', { id: 'new' }),
  add(invalid, 'a hypervisor that nobody has', { id: 'new', hypervisor: 'xen' }),
  add(invalid, 'an id in capitals', { id: 'New', hypervisor: 'kvm' }),
  add(invalid, 'an id of 64 characters', { id: 'x'.repeat(64), hypervisor: 'kvm' }),
  add(invalid, 'an id with a subject in it', { id: 'a.>', hypervisor: 'kvm' }),
  add(invalid, 'an id that is a list', { id: ['new'], hypervisor: 'kvm' }),
  add(invalid, 'an unknown field', { id: 'new', hypervisor: 'kvm', token }),
  add('409 name-taken', 'one that is there', { id: 'fake-a', hypervisor: 'kvm' }),
  add(expected403, 'by an operator', { id: 'new', hypervisor: 'kvm' }, 'operator'),
  bad(unknown, 'host: another key for none', 'POST /hosts/nowhere/rotate'),
  bad('409 wrong-state', 'host: another key for one that has not joined', 'POST /hosts/fake-a/rotate'),
  bad(unknown, 'host: drain none', 'POST /hosts/nowhere/drain', { body: {} }),
  bad(invalid, 'host: drain perhaps', 'POST /hosts/fake-a/drain', { body: { draining: 'perhaps' } }),
  bad(expected403, 'host: drain by an operator', 'POST /hosts/fake-a/drain', { body: {}, as: 'operator' }),
  bad(unknown, 'host: remove none', 'DELETE /hosts/nowhere'),
  bad(invalid, 'host: remove by perhaps force', 'DELETE /hosts/fake-a?force=perhaps'),
  bad('409 wrong-state', 'host: remove one whose agent is there', 'DELETE /hosts/fake-a?force=true'),
  bad(expected403, 'host: remove by an operator', 'DELETE /hosts/fake-a', { as: 'operator' }),
  join('401 unauthenticated', 'a token that nobody made', {}),
  join(invalid, 'a token that is none', { token: 'pvj_x' }),
  join(invalid, 'a token that is an object', { token: { $ne: null } }),
  join(invalid, 'a key of an account', { publicKey: `A${'A'.repeat(55)}` }),
  join(invalid, 'no proof', { proof: undefined }),
  join(invalid, 'a version of 65 characters', { agentVersion: 'x'.repeat(65) }),
];
