import { afterAll, describe, expect, it } from '@jest/globals';
import {
  CreateVm,
  DriverVm,
  lackOf,
  Network,
  ProblemError,
  type CapabilityName,
  type CapabilityRef,
  type FeatureRef,
  type HostStatus,
  type NativeId,
  type ProblemCode,
  type VmState,
} from '@polyvirt/contracts';
import { isReadable, type HypervisorDriver, type OperationContext } from '../driver.ts';
import type { Bench } from './bench.ts';
import type { ReportRow, StateRow } from './report.ts';
import { PlannedDriver } from './planned-driver.ts';
import { TestOperation } from './test-operation.ts';

const pollMs = 50;
/** Keeps runs on one host apart. */
const runByte = Math.floor(Math.random() * 64);
const hexByte = (byte: number) => byte.toString(16).padStart(2, '0');

type Facet<Name extends CapabilityName> = NonNullable<HypervisorDriver[Name]>;

const callsWorth = 5;

/** What the areas of the suite have in common: the bench, the driver, and VMs to try things on. */
export class Suite {
  readonly rows: ReportRow[] = [];
  /** What each verb did in each state, for the report. */
  readonly states: StateRow[] = [];
  #bench: Bench | undefined;
  #driver: HypervisorDriver | undefined;
  #status: HostStatus | undefined;
  #area = '';
  #names = 0;
  #macs = 0;

  constructor(readonly timeoutMs: number) {}

  get bench(): Bench {
    if (!this.#bench) throw new Error('the bench did not open');
    return this.#bench;
  }

  get driver(): HypervisorDriver {
    if (!this.#driver) throw new Error('the driver did not open');
    return this.#driver;
  }

  /** What the driver said of the host when the suite began. */
  get status(): HostStatus {
    if (!this.#status) throw new Error('the driver was not probed');
    return this.#status;
  }

  /** Why the host cannot do something, as it says; undefined when it can. */
  lackOf(ref: CapabilityRef): string | undefined {
    return lackOf(this.status.capabilities, ref);
  }

  async open(openBench: () => Promise<Bench>): Promise<void> {
    this.#bench = await openBench();
    const driver = await this.#bench.open();
    this.#status = await driver.probe(this.signal());
    const planned = new PlannedDriver(
      driver,
      this.#bench,
      () => this.status.capabilities,
      () => this.signal(),
    );
    this.#driver = planned.driver;
  }

  async close(): Promise<void> {
    await this.#driver?.close();
    await this.#bench?.clean();
    await this.#bench?.close();
  }

  area(name: string, declare: () => void): void {
    describe(name, () => {
      this.#area = name;
      declare();
    });
  }

  /** A promise of the contract. Where a host cannot be brought to what it is about, the test answers why. */
  behaviour(behaviour: string, test: () => Promise<{ absent: string } | void>): void {
    this.#declare(behaviour, undefined, async () => {
      const outcome = await test();
      return outcome ? { result: 'absent', reason: outcome.absent } : { result: 'passed' };
    });
  }

  /**
   * A promise of a facet. A driver without it must say why instead; so must one with a product that has the facet and not this
   * part of it, for which the test answers its reason.
   */
  facet<Name extends CapabilityName>(
    name: Name,
    behaviour: string,
    test: (facet: Facet<Name>) => Promise<{ absent: string } | void>,
  ): void {
    this.#declare(behaviour, name, async () => {
      const facet = this.driver[name];
      if (facet !== undefined) {
        const outcome = await test(facet as Facet<Name>);
        return outcome ? { result: 'absent', reason: outcome.absent } : { result: 'passed' };
      }
      const { capabilities } = await this.driver.probe(new AbortController().signal);
      const { available, reason } = capabilities[name];
      expect(available).toBe(false);
      expect(reason).toEqual(expect.stringMatching(/\S/));
      return { result: 'absent', reason: reason! };
    });
  }

  /** A promise of a feature of a facet; a driver that lacks it says why, and the behaviours of features hold it to that. */
  feature<Name extends CapabilityName>(
    ref: FeatureRef & `${Name}.${string}`,
    behaviour: string,
    test: (facet: Facet<Name>) => Promise<{ absent: string } | void>,
  ): void {
    this.facet(ref.split('.')[0] as Name, behaviour, async (facet) => {
      const absent = this.lackOf(ref);
      return absent === undefined ? test(facet) : { absent };
    });
  }

  /** A name that is used once. */
  name(tag = 'vm'): string {
    this.#names += 1;
    return `${this.bench.prefix}${tag}-${this.#names}`;
  }

  /** A MAC address that the host takes, and that is used once. */
  mac(): string {
    this.#macs += 1;
    const tail = [runByte, this.#macs >> 8, this.#macs & 0xff];
    const range = this.status.limits?.macRanges?.[0];
    if (!range) return ['52', '54', '00', ...tail.map(hexByte)].join(':');
    const first = parseInt(range.from.replaceAll(':', ''), 16);
    const last = parseInt(range.to.replaceAll(':', ''), 16);
    const offset = ((runByte << 16) + this.#macs) % (last - first + 1);
    return (first + offset).toString(16).padStart(12, '0').match(/../g)!.join(':');
  }

  /** The network of the bench as the driver lists it. */
  async network(): Promise<Network> {
    const networks = (await this.driver.networks?.list(this.signal())) ?? [];
    const found = networks.find(({ name }) => name === this.bench.network);
    if (!found) throw new Error(`the driver lists no network ${this.bench.network}`);
    return Network.parse(found);
  }

  body(input: Partial<CreateVm> = {}): CreateVm {
    return CreateVm.parse({
      name: this.name(),
      memoryMiB: this.bench.memoryMiB,
      disks: [{ sizeGiB: 1 }],
      ...input,
    });
  }

  async make(input: Partial<CreateVm> = {}): Promise<NativeId> {
    const { nativeId } = await this.run((context) => this.driver.create(this.body(input), context));
    return nativeId;
  }

  /** A VM that several tests share: made when the first of them asks, removed when all have run. */
  shared(input: () => Partial<CreateVm>): () => Promise<NativeId> {
    let made: Promise<NativeId> | undefined;
    afterAll(async () => {
      const nativeId = await made?.catch(() => undefined);
      if (nativeId !== undefined) await this.remove(nativeId);
    }, this.timeoutMs);
    return () => (made ??= this.make(input()));
  }

  /** Turns a VM off, whatever its state, and deletes it with its disks. */
  async remove(nativeId: NativeId): Promise<void> {
    const vm = await this.find(nativeId);
    if (!vm) return;
    if (['running', 'paused'].includes(vm.state)) await this.pullPlug(nativeId);
    await this.run((context) => this.driver.delete(nativeId, { disks: 'delete' }, context));
  }

  async pullPlug(nativeId: NativeId): Promise<void> {
    await this.run((context) => this.driver.stop(nativeId, { force: true, timeoutSeconds: 1 }, context));
  }

  /** Brings a VM into a state by the shortest way. */
  async bring(nativeId: NativeId, state: Exclude<VmState, 'unknown'>): Promise<void> {
    const { driver } = this;
    const now = await this.stateOf(nativeId);
    if (now === state) return;
    if (state === 'crashed') {
      const { crash } = this.bench.otherTool;
      if (typeof crash !== 'function') throw new Error(crash.none);
      await this.bring(nativeId, 'running');
      await crash(nativeId);
      await this.eventually('crash', this.timeoutMs / 2, async () => (await this.stateOf(nativeId)) === 'crashed');
      return;
    }
    if (state === 'stopped') {
      if (now === 'suspended') await this.run((context) => driver.start(nativeId, context));
      await this.pullPlug(nativeId);
      return;
    }
    if (now === 'paused') await this.run((context) => driver.suspend!.resume(nativeId, context));
    else if (now !== 'running') await this.run((context) => driver.start(nativeId, context));
    if (state === 'paused') await this.run((context) => driver.suspend!.pause(nativeId, context));
    if (state !== 'suspended') return;
    if (this.lackOf('suspend.suspend') === undefined) {
      await this.run((context) => driver.suspend!.suspend(nativeId, context));
      return;
    }
    const { suspend } = this.bench.otherTool;
    if (typeof suspend !== 'function') throw new Error(suspend.none);
    await suspend(nativeId);
    await this.eventually(
      'saved memory',
      this.timeoutMs / 2,
      async () => (await this.stateOf(nativeId)) === 'suspended',
    );
  }

  /** Why no VM of this host is ever suspended, by the driver or by another tool; undefined where one can be. */
  get neverSuspended(): string | undefined {
    const { suspend } = this.bench.otherTool;
    return this.lackOf('suspend.suspend') === undefined || typeof suspend === 'function' ? undefined : suspend.none;
  }

  /** A promise about VMs whose memory was saved, whoever saved it. */
  suspended(behaviour: string, test: () => Promise<void>): void {
    this.behaviour(behaviour, async () => {
      const none = this.neverSuspended;
      return none === undefined ? test() : { absent: none };
    });
  }

  /** Runs one driver method as an operation of its own. */
  run<Result>(method: (context: OperationContext) => Promise<Result>): Promise<Result> {
    return new TestOperation().run(method);
  }

  /** The VM as `get` shows it; the answer has to obey the schema. */
  async get(nativeId: NativeId): Promise<DriverVm> {
    return DriverVm.parse(await this.driver.get(nativeId, this.signal()));
  }

  async find(nativeId: NativeId): Promise<DriverVm | undefined> {
    try {
      return await this.get(nativeId);
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'vm-not-found') return undefined;
      throw error;
    }
  }

  async stateOf(nativeId: NativeId): Promise<VmState> {
    return (await this.get(nativeId)).state;
  }

  async named(name: string): Promise<DriverVm[]> {
    const vms = await this.driver.list(this.signal());
    return vms.filter(isReadable).filter((vm) => vm.name === name);
  }

  signal(): AbortSignal {
    return AbortSignal.timeout(this.timeoutMs);
  }

  /** Polls until the look answers something; nothing by then is a failure that says what was awaited. */
  async eventually<Found>(
    what: string,
    withinMs: number,
    look: () => Promise<Found | undefined | false>,
  ): Promise<Found> {
    const until = Date.now() + withinMs;
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      if (Date.now() > until) throw new Error(`no ${what} within ${withinMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  #declare(
    behaviour: string,
    facet: CapabilityName | undefined,
    test: () => Promise<Pick<ReportRow, 'result' | 'reason'>>,
  ): void {
    const row = { area: this.#area, behaviour, ...(facet !== undefined && { facet }) };
    it(
      behaviour,
      async () => {
        try {
          this.rows.push({ ...row, ...(await test()) });
        } catch (error) {
          this.rows.push({ ...row, result: 'failed' });
          throw error;
        }
      },
      // Each call has the time of one; some behaviours make hundreds.
      callsWorth * this.timeoutMs,
    );
  }
}

/** Demands that a call fails with a problem of this code, with a sentence. */
export async function expectProblem(code: ProblemCode, call: Promise<unknown>): Promise<ProblemError> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error(`expected ${code}, but it answered ${JSON.stringify(outcome.value)}`);
  const { error } = outcome;
  if (!(error instanceof ProblemError)) throw error;
  if (error.code !== code)
    throw new Error(`expected ${code}, but it was ${error.code}: ${error.message}`, { cause: error });
  expect(error.message).toMatch(/\S/);
  return error;
}
