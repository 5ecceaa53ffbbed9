import { describe, expect, it } from '@jest/globals';
import type { Call } from './changes.ts';
import { asCommand } from './copied.ts';

const id = 'kvm-a~4b2c';
const path = `/api/v1/vms/${id}`;
const edit = (body: object): Call => ({ method: 'PATCH', path, body });

describe('a call that is copied', () => {
  it.each<[Call, string]>([
    [edit({ cpus: 2, labels: { env: "it's" } }), `polyvirt vm set ${id} --cpus 2 --labels 'env=it'\\''s'`],
    [edit({ labels: {} }), `polyvirt vm set ${id} --labels ''`],
    [{ method: 'POST', path: `${path}/clone`, body: { name: 'b', linked: true, start: false } }, `polyvirt vm clone ${id} b --linked`],
    [edit({ addNics: [] }), `polyvirt query PATCH /api/v1/vms/kvm-a~4b2c -d '{"addNics":[]}'`],
    [{ method: 'POST', path: '/api/v1/vms/batch', body: { ids: [id], action: 'start' } }, `polyvirt query POST /api/v1/vms/batch -d '{"ids":["${id}"],"action":"start"}'`],
    [{ method: 'DELETE', path: `${path}?disks=keep` }, `polyvirt query DELETE '/api/v1/vms/kvm-a~4b2c?disks=keep'`],
  ])('is the command that does it: %j', (call, command) => {
    expect(asCommand(call)).toBe(command);
  });

  it('says a new machine as the body that was planned', () => {
    const body = { host: 'kvm-a', name: 'x', cpus: 1 };
    const [first, ...rest] = asCommand({ method: 'POST', path: '/api/v1/vms', body }).split('\n');
    expect(first).toBe(`polyvirt vm create -f - <<'EOF'`);
    expect(rest.at(-1)).toBe('EOF');
    expect(JSON.parse(rest.slice(0, -1).join('\n'))).toEqual(body);
  });
});
