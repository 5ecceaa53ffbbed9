import { expect } from '@jest/globals';
import type { Duplex } from 'node:stream';
import { DriverMetrics, NativeDefinition, type Hypervisor, type NativeId } from '@polyvirt/contracts';
import { expectProblem, type Suite } from '../suite.ts';

/** A shell that has not answered by then is asked once more. */
const answerWithinMs = 200;

const formats: Record<Hypervisor, NativeDefinition['format']> = {
  kvm: 'libvirt-xml',
  vmware: 'vmx',
  nutanix: 'prism-spec',
};

/** What needs a guest that has booted. All of it shares one VM, as booting is what takes longest. */
export function describeGuest(suite: Suite): void {
  suite.area('guest', () => {
    const shared = suite.shared(() => ({
      name: suite.name('guest'),
      disks: [{ image: suite.bench.image, copy: 'cow' }],
      nics: [{ network: suite.bench.network, address: 'auto' }],
      start: true,
    }));
    const reading = async (nativeId: NativeId) => {
      const readings = (await suite.driver.metrics!.sweep(suite.signal())).map((one) => DriverMetrics.parse(one));
      return readings.find((one) => one.nativeId === nativeId);
    };
    const bytes = ({ disks, networks }: DriverMetrics) =>
      [
        ...disks.flatMap((one) => [one.readBytes, one.writeBytes]),
        ...networks.flatMap((one) => [one.rxBytes, one.txBytes]),
      ]
        .map((count) => count ?? 0)
        .reduce((sum, count) => sum + count, 0);

    suite.facet('metrics', 'reads counters that move and percentages within their bounds', async () => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      const early = await suite.eventually('first reading', suite.timeoutMs / 2, () => reading(nativeId));
      await suite.bench.guestReady(nativeId);
      const late = await suite.eventually(
        'reading with moved counters and a CPU load',
        suite.timeoutMs / 2,
        async () => {
          const now = await reading(nativeId);
          return now && bytes(now) > bytes(early) && now.cpuPercent !== undefined && now;
        },
      );
      expect(late.state).toBe('running');
      const { nics } = await suite.get(nativeId);
      // One that counts the VM as a whole is of no interface.
      for (const { mac } of late.networks.filter((one) => one.interface !== 'all'))
        expect(nics.map((nic) => nic.mac)).toContain(mac);
      expect(late.cpuPercent).toBeGreaterThanOrEqual(0);
      expect(late.cpuPercent).toBeLessThanOrEqual(100);
      expect(late.memoryPercent ?? 50).toBeGreaterThan(0);
      expect(late.memoryPercent ?? 50).toBeLessThanOrEqual(100);
      if (late.memoryUsedMiB !== undefined && late.memoryTotalMiB !== undefined)
        expect(late.memoryUsedMiB).toBeLessThanOrEqual(late.memoryTotalMiB);
      expect(Date.parse(late.observedAt)).toBeGreaterThanOrEqual(Date.parse(early.observedAt));
    });

    suite.facet('networks', 'shows the address of the guest', async () => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      await suite.bench.guestReady(nativeId);
      await suite.eventually('address', suite.timeoutMs / 2, async () =>
        (await suite.get(nativeId)).nics.some(({ addresses }) => addresses.length > 0),
      );
    });

    suite.facet('guest', 'asks the guest; one that does not answer is no error', async (guest) => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      const answer = await guest.read(nativeId, suite.signal());
      expect(typeof answer.agent).toBe('boolean');
      expect(Array.isArray(answer.addresses)).toBe(true);
    });

    suite.feature<'console'>('console.graphic', 'opens a console that greets in RFB', async (console) => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      for (let time = 0; time < 2; time += 1) {
        const opening = new AbortController();
        const screen = await console.graphic!(nativeId, opening.signal);
        try {
          // The signal bounds the opening, not how long somebody looks.
          opening.abort();
          expect(await greetingOf(screen)).toMatch(/^RFB 003\.\d{3}\n/);
        } finally {
          screen.destroy();
        }
      }
    });

    suite.feature<'console'>(
      'console.text',
      'opens a terminal that carries what is typed to the guest, and its answer back',
      async (console) => {
        const nativeId = await shared();
        await suite.bring(nativeId, 'running');
        await suite.bench.guestReady(nativeId);
        const opening = new AbortController();
        const terminal = new Terminal(await console.text!(nativeId, opening.signal));
        try {
          opening.abort();
          expect(await suite.get(nativeId)).not.toMatchObject({ serialPort: false });
          await terminal.says(suite, 'carried');
        } finally {
          terminal.close();
        }
      },
    );

    suite.feature<'console'>('console.text', 'has whoever opens a terminal take it over', async (console) => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      await suite.bench.guestReady(nativeId);
      const first = new Terminal(await console.text!(nativeId, suite.signal()));
      const second = new Terminal(await console.text!(nativeId, suite.signal()));
      try {
        await first.closed;
        await second.says(suite, 'taken');
      } finally {
        first.close();
        second.close();
      }
      // Nobody has it now: it is opened as at first.
      await second.closed;
      const third = new Terminal(await console.text!(nativeId, suite.signal()));
      try {
        await third.says(suite, 'again');
      } finally {
        third.close();
      }
    });

    suite.facet('export', 'exports the definition in the words of the hypervisor', async (exporting) => {
      const nativeId = await shared();
      const { format, text, files } = NativeDefinition.parse(await exporting.definition(nativeId, suite.signal()));
      const { name, disks } = await suite.get(nativeId);
      expect(format).toBe(formats[suite.driver.hypervisor]);
      expect(text).toContain(name);
      for (const { path } of disks) if (path !== undefined && files.length > 0) expect(files).toContain(path);
    });

    suite.behaviour('restarts through the guest; the VM is on afterwards', async () => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      await suite.bench.guestReady(nativeId);
      const seconds = Math.floor(suite.timeoutMs / 2_000);
      const effect = await suite.run((context) =>
        suite.driver.restart(nativeId, { force: false, timeoutSeconds: seconds }, context),
      );
      expect(effect).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('running');
    });

    suite.behaviour('stops through the guest', async () => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      await suite.bench.guestReady(nativeId);
      const seconds = Math.floor(suite.timeoutMs / 2_000);
      const effect = await suite.run((context) =>
        suite.driver.stop(nativeId, { force: false, timeoutSeconds: seconds }, context),
      );
      expect(effect).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('stopped');
    });

    suite.facet('metrics', 'reads nothing but the state of a VM that is off', async () => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'stopped');
      const off = await reading(nativeId);
      if (off) {
        expect(off.state).toBe('stopped');
        expect(off.cpuPercent).toBeUndefined();
        expect(off.memoryPercent).toBeUndefined();
      }
    });

    suite.facet('console', 'ends its consoles with the VM, and refuses those of one that is off', async (console) => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      const kinds = (['graphic', 'text'] as const).filter((kind) => console[kind] !== undefined);
      const open = await Promise.all(
        kinds.map(async (kind) => new Terminal(await console[kind]!(nativeId, suite.signal()))),
      );
      await suite.bring(nativeId, 'stopped');
      for (const { closed } of open) await closed;
      for (const kind of kinds) await expectProblem('wrong-state', console[kind]!(nativeId, suite.signal()));
    });

    suite.facet('guest', 'says that a guest that is off does not answer', async (guest) => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'stopped');
      expect((await guest.read(nativeId, suite.signal())).agent).toBe(false);
    });
  });
}

/** A console with somebody in front of it. */
class Terminal {
  readonly closed: Promise<void>;
  #printed = '';

  constructor(private readonly stream: Duplex) {
    this.closed = new Promise((resolve) => stream.once('close', resolve));
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => (this.#printed += chunk.toString('latin1')));
  }

  /** Has the shell of the guest print a word that is not in what was typed. A shell that still starts may miss it. */
  async says(suite: Suite, word: string): Promise<void> {
    const half = word.length / 2;
    await suite.eventually(`"${word}" on the terminal`, suite.timeoutMs / 2, async () => {
      this.stream.write(`echo ${word.slice(0, half)}""${word.slice(half)}\r`);
      await new Promise((resolve) => setTimeout(resolve, answerWithinMs));
      return this.#printed.includes(word);
    });
  }

  close(): void {
    this.stream.destroy();
  }
}

function greetingOf(screen: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    screen.once('error', reject);
    screen.once('close', () => reject(new Error(`the console closed after "${text}"`)));
    screen.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.length >= 12) resolve(text);
    });
  });
}
