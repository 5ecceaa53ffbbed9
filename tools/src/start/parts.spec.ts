import { describe, expect, it } from '@jest/globals';
import { chooseParts, hypervisors, type Machine, type Parts } from './parts.ts';

const there = { is: 'there' } as const;
const complete: Machine = { platform: 'linux', nats: there, kvm: there, libvirt: 'answers' };
const lackIn = (parts: Parts, part: string) => parts.lacks.find((lack) => lack.part === part);

describe('chooseParts', () => {
  it('takes everything where everything is, and simulates what nobody has', () => {
    expect(chooseParts(complete)).toEqual({
      hosts: ['kvm', 'vmware', 'nutanix'],
      products: {},
      localLibvirt: true,
      lacks: [],
    });
  });

  it.each([
    ['installs', { kvm: { is: 'installable' }, nats: { is: 'installable' } }],
    ['starts', { libvirt: 'startable' }],
  ] as const)('takes what it %s itself', (_, change) => {
    expect(chooseParts({ ...complete, ...change }).lacks).toEqual([]);
  });

  it.each<[string, Partial<Machine>, Partial<Record<string, [RegExp, RegExp]>>]>([
    [
      'a user outside the group',
      { libvirt: 'forbidden' },
      { kvm: [/may not open/, /^sudo usermod -aG libvirt \$USER/] },
    ],
    ['libvirt not running', { libvirt: 'away' }, { kvm: [/does not run/, /^sudo systemctl start libvirtd$/] }],
    [
      'no virsh',
      { kvm: { is: 'missing', names: ['virsh'] } },
      { kvm: [/not on the PATH: virsh\./, /package manager$/] },
    ],
    [
      'no libvirt on Debian',
      { kvm: { is: 'missing', names: ['virsh'], command: 'sudo apt-get install -y x' }, libvirt: 'away' },
      { kvm: [/virsh/, /^sudo apt-get install -y x$/] },
    ],
    [
      'macOS',
      { platform: 'darwin', kvm: { is: 'missing', names: ['virsh'] }, libvirt: 'away' },
      { kvm: [/Linux only/, /POLYVIRT_LIBVIRT_URI/] },
    ],
    [
      'Windows without Workstation',
      { platform: 'win32', kvm: { is: 'missing', names: ['virsh'] }, libvirt: 'away' },
      { kvm: [/Linux only/, /Linux machine/], vmware: [/not found/, /POLYVIRT_VMRUN_PATH/] },
    ],
    [
      'Windows with Workstation',
      { platform: 'win32', kvm: { is: 'missing', names: ['virsh'] }, libvirt: 'away', vmrun: 'C:\\vmrun.exe' },
      { kvm: [/Linux only/, /Linux machine/] },
    ],
  ])('goes on without what %s cannot carry, and says what helps', (_, change, expected) => {
    const parts = chooseParts({ ...complete, ...change });
    expect(parts.hosts).toEqual(hypervisors.filter((one) => expected[one] === undefined));
    expect(parts.lacks.map(({ part }) => part)).toEqual(Object.keys(expected));
    for (const [part, [why, help]] of Object.entries(expected) as [string, [RegExp, RegExp]][]) {
      expect(lackIn(parts, part)?.why).toMatch(why);
      expect(lackIn(parts, part)?.help).toMatch(help);
    }
  });

  it.each([
    ['win32', /^winget install NATSAuthors\.NATSServer/],
    ['darwin', /^brew install nats-server$/],
    ['linux', /nats\.io\/download/],
    ['freebsd', /nats\.io\/download/],
  ] as const)('says where the broker comes from on %s', (platform, help) => {
    const machine = { ...complete, platform, nats: { is: 'missing', names: ['nats-server'] } } as const;
    expect(lackIn(chooseParts(machine), 'broker')?.help).toMatch(help);
  });

  it('needs nothing of libvirt here when it is elsewhere, on any system', () => {
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      const kvm = { is: 'missing', names: ['virsh'] } as const;
      const parts = chooseParts({ ...complete, platform, kvm, libvirt: 'elsewhere' });
      expect([parts.hosts.includes('kvm'), parts.localLibvirt, lackIn(parts, 'kvm')]).toEqual([true, false, undefined]);
    }
  });

  it('takes only what is wanted, and says nothing of the rest', () => {
    const parts = chooseParts({ ...complete, libvirt: 'forbidden', wanted: ['nutanix'] });
    expect([parts.hosts, parts.lacks]).toEqual([['nutanix'], []]);
  });
});
