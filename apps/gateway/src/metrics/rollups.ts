import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus, consumeRollups } from '@polyvirt/bus';
import { parseVmId, type MinuteRollup, type VmId, type VmRollup } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { Between, In, LessThan, type EntityManager } from 'typeorm';
import { Database } from '../database/database.ts';
import { LOGGER } from '../logger.ts';
import { RollupEntity } from './rollup.entity.ts';
import { pointsOfHours, withMinute, type Minutes } from './rollup-minutes.ts';
import { stepBegin, type Point } from './series.ts';

const hourMs = 3_600_000;
const minuteMs = 60_000;
export const rollupsKeptMs = 30 * 24 * hourMs;
/** Of VMs that are written in one statement. */
const chunk = 200;
const retryMs = 5_000;

/** A month of minutes in the database, from roll-ups that the gateways take from the bus between them. */
@Injectable()
export class Rollups implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private consuming: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.consuming = this.consume();
    this.timer = setInterval(() => void this.clean(), hourMs).unref();
    void this.clean();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    await this.consuming;
  }

  async history(id: VmId, fromMs: number, toMs: number, stepMs: number): Promise<Point[]> {
    const rows = await this.database.repository(RollupEntity).find({
      where: { vmId: id, hour: Between(stepBegin(fromMs, hourMs), toMs) },
      order: { hour: 'ASC' },
    });
    const hours = rows.map(({ hour, minutes }) => ({ hour, minutes: JSON.parse(minutes) as Minutes }));
    return pointsOfHours(hours, fromMs, toMs, stepMs);
  }

  /** Keeps a minute of a host. The same minute again changes nothing. */
  async keep({ host, minute, vms }: MinuteRollup): Promise<void> {
    const atMs = Date.parse(minute);
    const own = vms.filter(({ vmId }) => parseVmId(vmId).host === host);
    for (let at = 0; at < own.length; at += chunk) {
      const part = own.slice(at, at + chunk);
      await this.database.transaction((manager) => this.write(manager, atMs, part));
    }
  }

  async forget(beforeMs: number): Promise<void> {
    await this.database.transaction((manager) => manager.delete(RollupEntity, { hour: LessThan(beforeMs) }));
  }

  private async write(manager: EntityManager, atMs: number, vms: readonly VmRollup[]): Promise<void> {
    const hour = stepBegin(atMs, hourMs);
    const minuteOfHour = Math.floor((atMs - hour) / minuteMs);
    // In one order everywhere, so that two gateways with minutes of one host do not wait for each other in a ring.
    const sorted = [...vms].sort((a, b) => (a.vmId < b.vmId ? -1 : 1));
    const empty = sorted.map(({ vmId }) => ({ vmId, hour, minutes: '{}' }));
    // Makes the rows that are missing, and locks all of them; to ignore those that are there would lock them too weakly.
    await manager
      .createQueryBuilder()
      .insert()
      .into(RollupEntity)
      .values(empty)
      .orUpdate(['hour'], ['vmId', 'hour'])
      .execute();
    const rows = await manager.findBy(RollupEntity, { hour, vmId: In(sorted.map(({ vmId }) => vmId)) });
    const before = new Map(rows.map((row) => [row.vmId, JSON.parse(row.minutes) as Minutes]));
    const after = sorted.map((vm) => ({
      vmId: vm.vmId,
      hour,
      minutes: JSON.stringify(withMinute(before.get(vm.vmId) ?? {}, minuteOfHour, vm)),
    }));
    await manager.upsert(RollupEntity, after, ['vmId', 'hour']);
  }

  private async consume(): Promise<void> {
    const { signal } = this.stopping;
    for await (const { content, ack, nak } of consumeRollups(this.bus, { signal })) {
      try {
        if (Date.parse(content.minute) > Date.now() - rollupsKeptMs) await this.keep(content);
        await ack();
      } catch (err) {
        this.logger.error({ err, host: content.host, minute: content.minute }, 'cannot keep a roll-up');
        nak(retryMs);
      }
    }
  }

  private async clean(): Promise<void> {
    try {
      await this.forget(Date.now() - rollupsKeptMs);
    } catch (err) {
      this.logger.error({ err }, 'cannot forget old roll-ups');
    }
  }
}
