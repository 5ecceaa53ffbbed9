import type { Clock } from '../clock.ts';
import type { KnobSettings } from '../knobs/knob-settings.ts';
import type { KnobName, Knobs } from '../knobs/knob-table.ts';
import { drawn, type Range } from '../time.ts';
import { AddressIndex } from './address-index.ts';
import { HostLoad } from './host-load.ts';
import type { ClusterRecord, ContainerRecord } from './records.ts';
import type { Store } from './store.ts';

type RangeKnob = { [K in KnobName]: Knobs[K] extends Range ? K : never }[KnobName];

/** Everything the simulated site consists of: its records, what follows from them, and the knobs that bend it. */
export class Datacenter {
  readonly addresses: AddressIndex;
  readonly hosts: HostLoad;

  constructor(
    readonly store: Store,
    readonly knobs: KnobSettings,
    readonly clock: Clock,
  ) {
    this.addresses = new AddressIndex(store);
    this.hosts = new HostLoad(store);
  }

  /** How long a task or a guest takes, drawn from a knob and scaled. */
  time(knob: RangeKnob): number {
    return Math.round(this.lateness(knob) * this.knobs.get('latency.scale'));
  }

  /** How late something shows that is so already, drawn from a knob. It stays when tasks are immediate. */
  lateness(knob: RangeKnob): number {
    return this.delay(drawn(this.knobs.get(knob)));
  }

  /** A delay that somebody has asked for, in milliseconds. */
  delay(ms: number): number {
    return Math.round(ms * this.knobs.get('delays.scale'));
  }

  get prismCentral(): ClusterRecord {
    const central = this.store.all('cluster').find((cluster) => cluster.function === 'PRISM_CENTRAL');
    if (central === undefined) throw new Error('the store holds no Prism Central cluster');
    return central;
  }

  get hostingClusters(): ClusterRecord[] {
    return this.store.all('cluster').filter((cluster) => cluster.function === 'AOS');
  }

  defaultContainer(clusterUuid: string): ContainerRecord | undefined {
    return this.store.all('container').find((container) => container.clusterUuid === clusterUuid);
  }

  get defaultProjectUuid(): string {
    const project = this.store.all('project').find(({ name }) => name === '_internal');
    if (project === undefined) throw new Error('the store holds no default project');
    return project.uuid;
  }
}
