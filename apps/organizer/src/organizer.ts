import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { consumeEvents, makeEvent, publishEvent, type Bus, type Delivery, type StoredEvent } from '@polyvirt/bus';
import { archiveUpdated } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { InvalidEventError, type Archive } from './archive/archive.ts';

export const BUS = Symbol('BUS');
export const ARCHIVE = Symbol('ARCHIVE');
export const LOGGER = Symbol('LOGGER');

const firstDelayMs = 500;
const longestDelayMs = 30_000;

/** Takes the events about VMs one after the other, and brings the archive up to date with each. */
@Injectable()
export class Organizer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #bus: Bus;
  readonly #archive: Archive;
  readonly #log: Logger;
  readonly #end = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(@Inject(BUS) bus: Bus, @Inject(ARCHIVE) archive: Archive, @Inject(LOGGER) log: Logger) {
    this.#bus = bus;
    this.#archive = archive;
    this.#log = log;
  }

  onApplicationBootstrap(): void {
    this.#log.info({ root: this.#archive.root }, 'Organizing.');
    this.#work = this.#run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#end.abort();
    await this.#work;
    await this.#bus.close();
  }

  async #run(): Promise<void> {
    for await (const delivery of consumeEvents(this.#bus, { signal: this.#end.signal })) {
      await delivery.trace(() => this.#handle(delivery));
    }
  }

  async #handle(delivery: Delivery<StoredEvent>): Promise<void> {
    const { content, deliveries } = delivery;
    const { event, host, sequence } = content;
    const about = { event: event.id, type: event.type, vmId: event.subject, sequence };
    try {
      const document = await this.#archive.apply(content);
      const announcement = makeEvent(archiveUpdated, {
        id: `${event.id}:archived`,
        source: `/hosts/${host}/organizer`,
        subject: document.vmId,
        time: event.time,
        data: { archive: await this.#archive.view(document) },
      });
      await publishEvent(this.#bus, host, announcement, { signal: this.#end.signal });
      await delivery.ack();
      this.#log.debug({ ...about, folder: document.folder }, 'Archived.');
    } catch (error) {
      if (error instanceof InvalidEventError) {
        this.#log.error({ ...about, err: error }, 'Passed over an event that is not valid.');
        await delivery.ack();
        return;
      }
      // The events behind it wait, so that none is missed and their order is kept.
      const delayMs = this.#end.signal.aborted
        ? 1
        : Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(deliveries, 10));
      if (!this.#end.signal.aborted) {
        this.#log.error(
          { ...about, err: error, deliveries, delayMs },
          `Could not archive; trying again. ${hint(error)}`,
        );
      }
      delivery.nak(delayMs);
    }
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
