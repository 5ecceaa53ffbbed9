import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import {
  consumeEvents,
  makeEvent,
  publishEvent,
  Pulse,
  type Bus,
  type Delivery,
  type StoredEvent,
} from '@polyvirt/bus';
import { archiveUpdated, keys, type Archive as ArchiveView } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { InvalidEventError, type Archive } from './archive/archive.ts';
import { isDiskTrouble } from './archive/disk-trouble.ts';

export const BUS = Symbol('BUS');
export const ARCHIVE = Symbol('ARCHIVE');
export const LOGGER = Symbol('LOGGER');
export const LIFE_FILE = Symbol('LIFE_FILE');

/** How often an event is tried again. `mostTries` counts those that fail while the archive takes files otherwise. */
export const defaultPatience = { firstDelayMs: 500, longestDelayMs: 30_000, mostTries: 8 };

/** Takes the events about VMs one after the other, and brings the archive up to date with each. */
@Injectable()
export class Organizer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #bus: Bus;
  readonly #archive: Archive;
  readonly #log: Logger;
  readonly #lifeFile: string | undefined;
  readonly #end = new AbortController();
  patience = defaultPatience;
  #work: Promise<void> = Promise.resolve();
  /** By which others see that it lives. */
  #pulse: Pulse | undefined;
  /** The event that could not be archived though others could, and how often it was tried. */
  #stuck = { id: '', tries: 0 };
  /** VMs whose last event was passed over: the next one is not worth the same patience. */
  readonly #odd = new Set<string>();

  constructor(
    @Inject(BUS) bus: Bus,
    @Inject(ARCHIVE) archive: Archive,
    @Inject(LOGGER) log: Logger,
    @Inject(LIFE_FILE) lifeFile?: string,
  ) {
    this.#bus = bus;
    this.#archive = archive;
    this.#log = log;
    this.#lifeFile = lifeFile;
  }

  onApplicationBootstrap(): void {
    this.#log.info({ root: this.#archive.root }, 'Organizing.');
    this.#pulse = new Pulse(this.#bus, keys.pulse('organizer'), { lifeFile: this.#lifeFile });
    this.#work = this.#run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#end.abort();
    await this.#work;
    await this.#pulse?.stop();
    await this.#bus.close();
  }

  async #run(): Promise<void> {
    for await (const delivery of consumeEvents(this.#bus, { signal: this.#end.signal })) {
      await delivery.trace(() => this.#handle(delivery));
    }
  }

  async #handle(delivery: Delivery<StoredEvent>): Promise<void> {
    const { content } = delivery;
    const { event, host, sequence } = content;
    const about = { event: event.id, type: event.type, vmId: event.subject, sequence };
    let archive: ArchiveView;
    try {
      archive = await this.#archive.view(await this.#archive.apply(content));
      this.#odd.delete(event.subject);
    } catch (error) {
      if (error instanceof InvalidEventError) {
        this.#log.error({ ...about, err: error }, 'Passed over an event that is not valid.');
        await delivery.ack();
      } else if (await this.#isHopeless(event, error)) {
        this.#odd.add(event.subject);
        this.#log.error(
          { ...about, err: error },
          'Passed over an event that cannot be archived, for the others behind.',
        );
        await delivery.ack();
      } else {
        this.#tryAgain(delivery, about, error);
      }
      return;
    }
    try {
      const announcement = makeEvent(archiveUpdated, {
        id: `${event.id}:archived`,
        source: `/hosts/${host}/organizer`,
        subject: archive.vmId,
        time: event.time,
        data: { archive },
      });
      await publishEvent(this.#bus, host, announcement, { signal: this.#end.signal });
      await delivery.ack();
      this.#log.debug({ ...about, folder: archive.folder }, 'Archived.');
    } catch (error) {
      this.#tryAgain(delivery, about, error);
    }
  }

  /** Whether it is the VM, and not the archive as a whole, that an event fails for time and again. */
  async #isHopeless({ id, subject }: StoredEvent['event'], error: unknown): Promise<boolean> {
    if (this.#end.signal.aborted || isDiskTrouble(error) || !(await this.#archive.isWritable())) return false;
    this.#stuck = { id, tries: this.#stuck.id === id ? this.#stuck.tries + 1 : 1 };
    return this.#odd.has(subject) || this.#stuck.tries >= this.patience.mostTries;
  }

  /** The events behind it wait, so that none is missed and their order is kept. */
  #tryAgain(delivery: Delivery<StoredEvent>, about: object, error: unknown): void {
    const { deliveries } = delivery;
    const { firstDelayMs, longestDelayMs } = this.patience;
    if (this.#end.signal.aborted) {
      delivery.nak(1);
      return;
    }
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(deliveries, 10));
    this.#log.error({ ...about, err: error, deliveries, delayMs }, `Could not archive; trying again. ${hint(error)}`);
    delivery.nak(delayMs);
  }
}

function hint(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk of the archive is full: make room.';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'The organizer may not write to the archive folder.';
    case 'ENOENT':
      return 'The archive folder is gone: mount it, or restart the organizer to make a new one.';
    default:
      return '';
  }
}
