import { expect } from '@jest/globals';
import {
  formatIp,
  networkCidr,
  parseCidr,
  parseIp,
  type CreateVm,
  type Network,
  type ProblemCode,
} from '@polyvirt/contracts';
import { freeAddressOn } from '../free-address.ts';
import { expectProblem, type Suite } from '../suite.ts';

type Nics = CreateVm['nics'];

/** Addresses and MAC addresses: what cannot work is refused at once, at the same place on every hypervisor. */
export function describeNetworks(suite: Suite): void {
  suite.area('addresses', () => {
    const holder = suite.shared(() => ({
      name: suite.name('holder'),
      disks: [],
      nics: [{ network: suite.bench.network, address: 'auto', mac: suite.mac() }],
    }));

    const pointersOf = async (code: ProblemCode, call: Promise<unknown>) =>
      ((await expectProblem(code, call)).extras.errors ?? []).map(({ pointer }) => pointer);

    /** By a create and by a reconfiguration, which both change nothing. */
    const refused = async (field: 'address' | 'mac', nic: Partial<Nics[number]>) => {
      const nics: Nics = [{ network: suite.bench.network, address: 'auto', ...nic }];
      const id = await holder();
      const before = await suite.get(id);
      const leftovers = await suite.bench.leftovers();
      const body = suite.body({ nics, disks: [] });
      const creating = suite.run((context) => suite.driver.create(body, context));
      expect({ nic, at: await pointersOf('invalid-input', creating) }).toEqual({ nic, at: [`/nics/0/${field}`] });
      const { reconfigure } = suite.driver;
      if (reconfigure) {
        const adding = suite.run((context) => reconfigure.apply(id, { addNics: nics, cpus: 2 }, context));
        expect({ nic, at: await pointersOf('invalid-input', adding) }).toEqual({ nic, at: [`/addNics/0/${field}`] });
      }
      expect(await suite.get(id)).toEqual(before);
      expect(await suite.bench.leftovers()).toEqual(leftovers);
    };

    suite.facet(
      'networks',
      'says networks by their own address, and gateways and ranges within them',
      async (facet) => {
        for (const { cidr, gateway, ranges, reserved } of await facet.list(suite.signal())) {
          if (cidr !== undefined) expect(cidr).toBe(networkCidr(cidr));
          const inside = [gateway, ...(ranges ?? []).flatMap(({ from, to }) => [from, to])].filter(
            (one) => one !== undefined,
          );
          for (const address of [...inside, ...(reserved ?? []).map((one) => one.address)])
            expect(formatIp(parseIp(address)!)).toBe(address);
          const subnet = cidr === undefined ? undefined : parseCidr(cidr);
          if (!subnet) continue;
          for (const address of inside.map((one) => parseIp(one)!).filter(({ family }) => family === subnet.family))
            expect(address.value >= subnet.first && address.value <= subnet.last).toBe(true);
        }
      },
    );

    suite.facet('networks', 'refuses an address that the network cannot give, with what it can', async () => {
      for (const address of impossibleOn(await suite.network())) await refused('address', { address });
    });

    suite.facet('networks', 'refuses an address that another VM has asked for', async (facet) => {
      const { fixedAddresses } = facet && (await suite.network());
      const free = fixedAddresses ? freeAddressOn(await suite.network(), suite.bench.fixedAddresses) : undefined;
      if (free === undefined) return { absent: lackOfFixed(suite) };
      const nic = { network: suite.bench.network, address: free };
      const nativeId = await suite.make({ nics: [nic], disks: [] });
      try {
        await refused('address', { address: free });
      } finally {
        await suite.remove(nativeId);
      }
      // Given back with the VM.
      await suite.remove(await suite.make({ nics: [nic], disks: [] }));
      return undefined;
    });

    suite.behaviour('refuses a MAC address that no single machine can have', async () => {
      for (const mac of ['01:00:5e:00:00:01', '33:33:00:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00'])
        await refused('mac', { mac });
    });

    suite.behaviour(
      'refuses a MAC address that another VM of the host has, or that is outside its ranges',
      async () => {
        const { mac } = (await suite.get(await holder())).nics[0]!;
        await refused('mac', { mac });
        if (suite.status.limits?.macRanges) await refused('mac', { mac: '02:00:00:00:00:01' });
      },
    );
  });

  suite.area('capacity', () => {
    suite.behaviour('refuses a VM that can never run, naming what is asked for and what there is', async () => {
      const { capacity, limits } = suite.status;
      const most = {
        cpus: limits?.cpusBeyondHost === true ? limits.cpusPerVm : least(capacity.cpus, limits?.cpusPerVm),
        memoryMiB: least(capacity.memoryMiB, limits?.memoryMiBPerVm),
      };
      const existing = await suite.make({ disks: [] });
      try {
        for (const [field, has] of Object.entries(most)) {
          if (has === undefined) continue;
          const asked = Math.floor(has) + 1;
          const before = await suite.bench.leftovers();
          const body = suite.body({ disks: [], [field]: asked });
          const { reconfigure } = suite.driver;
          const problems = [
            await expectProblem(
              'insufficient-capacity',
              suite.run((context) => suite.driver.create(body, context)),
            ),
            ...(reconfigure
              ? [
                  await expectProblem(
                    'insufficient-capacity',
                    suite.run((context) => reconfigure.apply(existing, { [field]: asked }, context)),
                  ),
                ]
              : []),
          ];
          for (const { message } of problems) {
            expect(message).toContain(asked.toLocaleString('en-US'));
            expect(message).toContain(Math.floor(has).toLocaleString('en-US'));
          }
          expect(await suite.bench.leftovers()).toEqual(before);
        }
      } finally {
        await suite.remove(existing);
      }
    });

    suite.behaviour(
      'takes any amount of memory, or refuses it at its field with amounts that it does take',
      async () => {
        const { driver, bench } = suite;
        const nativeId = await suite.make({ disks: [] });
        const create = async (memoryMiB: number) => {
          const body = suite.body({ disks: [], memoryMiB });
          await suite.remove((await suite.run((context) => driver.create(body, context))).nativeId);
        };
        const change = async (memoryMiB: number) => {
          await suite.run((context) => driver.reconfigure!.apply(nativeId, { memoryMiB }, context));
          expect((await suite.get(nativeId)).memoryMiB).toBe(memoryMiB);
        };
        try {
          for (const give of driver.reconfigure ? [create, change] : [create])
            for (const asked of [1, 2, 3].map((more) => bench.memoryMiB + more)) {
              const error: unknown = await give(asked).then(
                () => undefined,
                (thrown: unknown) => thrown,
              );
              if (error === undefined) continue;
              const { message, extras } = await expectProblem('invalid-input', Promise.reject(error));
              expect(extras).toMatchObject({ errors: [{ pointer: '/memoryMiB' }] });
              expect(message).toContain(`${asked} MiB`);
              const amounts = /take (\d+)(?: or (\d+))? MiB/.exec(message)!.slice(1, 3).filter(Boolean).map(Number);
              for (const amount of amounts) await give(amount);
            }
        } finally {
          await suite.remove(nativeId);
        }
      },
    );
  });
}

const least = (...values: (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};

const lackOfFixed = ({ status }: Suite): string =>
  status.capabilities.networks.features?.['fixedAddresses']?.reason ??
  'The network of the bench gives no fixed addresses.';

/** Of each kind that cannot be given, one; of a network that gives no fixed addresses every one is. */
function impossibleOn({ cidr, gateway, fixedAddresses }: Network): string[] {
  if (!fixedAddresses) return ['192.168.122.77', 'fd00::5'];
  const subnet = cidr === undefined ? undefined : parseCidr(cidr);
  if (!subnet) return [];
  const { family, first, last } = subnet;
  const at = (value: bigint) => formatIp({ family, value });
  return [
    at(first),
    ...(family === 4 ? [at(last), 'fd00::5'] : ['10.9.9.9']),
    at(last + 1n),
    at(first - 1n),
    ...(gateway === undefined ? [] : [gateway]),
  ];
}
