import { describe, expect, it } from '@jest/globals';
import { calls, type Call } from './calls.ts';
import { asCommand } from './copied.ts';

const id = 'kvm-a~4b2c';
const path = `/api/v1/vms/${id}`;
const edit = (body: object): Call => ({ method: 'PATCH', path, body });

describe('a call that is copied', () => {
  it.each<[Call, string]>([
    [edit({ cpus: 2, labels: { env: "it's" } }), `polyvirt vm set ${id} --cpus 2 --labels 'env=it'\\''s'`],
    [edit({ template: true, autostart: false }), `polyvirt vm set ${id} --template --no-autostart`],
    [edit({ labels: {} }), `polyvirt vm set ${id} --labels ''`],
    [{ method: 'POST', path: `${path}/clone`, body: { name: 'b', linked: true, start: false } }, `polyvirt vm clone ${id} b --linked`],
    [{ method: 'POST', path: `${path}/clone`, body: { name: 'b', nics: [{ network: 'lab', address: '10.0.0.5' }, { network: 'dmz' }] } }, `polyvirt vm clone ${id} b --nic network=lab,address=10.0.0.5 --nic network=dmz`],
    [{ method: 'POST', path: `${path}/clone`, body: { name: 'b', nics: [] } }, `polyvirt vm clone ${id} b --no-nic`],
    [{ method: 'POST', path: `${path}/clone`, body: { name: 'b', nics: [{ network: 'a,b' }] } }, `polyvirt query POST ${path}/clone -d '{"name":"b","nics":[{"network":"a,b"}]}'`],
    [edit({ addNics: [] }), `polyvirt query PATCH /api/v1/vms/kvm-a~4b2c -d '{"addNics":[]}'`],
    [{ method: 'POST', path: '/api/v1/vms/batch', body: { ids: [id], action: 'start' } }, `polyvirt query POST /api/v1/vms/batch -d '{"ids":["${id}"],"action":"start"}'`],
    [edit({ bootOrder: ['cdrom', 'disk'] }), `polyvirt vm set ${id} --boot-order cdrom,disk`],
    [calls.addDisk(id, { image: 'tiny linux', sizeGiB: 4, copy: 'full' }), `polyvirt disk add ${id} --image 'tiny linux' --size 4G --full`],
    [calls.addDisk(id, { volume: 'v1' }), `polyvirt disk add ${id} --volume v1`],
    [calls.growDisk(id, 'scsi0:0', 20), `polyvirt disk grow ${id} scsi0:0 20G`],
    [calls.detachDisk(id, 'vdb', true), `polyvirt disk detach ${id} vdb`],
    [calls.detachDisk(id, 'vdb', false), `polyvirt disk detach ${id} vdb --delete`],
    [calls.addNic(id, { network: 'lab', address: '10.0.0.5' }), `polyvirt nic add ${id} network=lab,address=10.0.0.5`],
    [calls.addNic(id, { network: 'a,b' }), `polyvirt query POST ${path}/nics -d '{"network":"a,b"}'`],
    [calls.changeNic(id, '52:54:00:00:00:01', { network: 'lab', connected: false }), `polyvirt nic change ${id} 52:54:00:00:00:01 --network lab --disconnect`],
    [calls.removeNic(id, '52:54:00:00:00:01'), `polyvirt nic remove ${id} 52:54:00:00:00:01`],
    [calls.cdrom(id, 'tools'), `polyvirt cdrom insert ${id} tools`],
    [calls.cdrom(id, null), `polyvirt cdrom eject ${id}`],
    [calls.addImage('kvm-a', { name: 'a b', url: 'http://x/a.iso', sha256: 'ab' }), `polyvirt image add kvm-a 'a b' --url http://x/a.iso --sha256 ab`],
    [calls.addImage('kvm-a', { name: 'a', upload: 'u' }), `polyvirt query POST /api/v1/hosts/kvm-a/images -d '{"name":"a","upload":"u"}'`],
    [calls.removeImage('kvm-a', { name: 'a b', kind: 'iso' }), `polyvirt image delete kvm-a 'a b' --kind iso`],
    [calls.removeVolume('kvm-a', 'v1'), `polyvirt volume delete kvm-a v1`],
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
