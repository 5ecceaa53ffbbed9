import { randomBytes } from 'node:crypto';
import { Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ask, Bus } from '@polyvirt/bus';
import { openConsole, parseVmId, verdictOn, type VmId } from '@polyvirt/contracts';
import { Hosts } from '../hosts/hosts.ts';
import { Inventory } from '../inventory/inventory.ts';
import { VmCommands } from '../vms/vm-commands.ts';
import { ConsoleRelay } from './console-relay.ts';

/** The consoles that are open through this gateway. */
@Injectable()
export class Consoles implements OnModuleInit, BeforeApplicationShutdown {
  private readonly relays = new Map<ConsoleRelay, VmId>();

  constructor(
    private readonly bus: Bus,
    private readonly inventory: Inventory,
    private readonly hosts: Hosts,
    private readonly commands: VmCommands,
  ) {}

  onModuleInit(): void {
    this.inventory.onChange((id, entry) => {
      if (!entry) this.endAll('The VM is gone.', (vmId) => vmId === id);
      else if (!verdictOn('console', entry.record.state).allowed)
        this.endAll(`The VM is ${entry.record.state}.`, (vmId) => vmId === id);
    });
    this.hosts.onTransition(({ host, to }) => {
      if (to === 'offline') this.endAll('The host is offline.', (vmId) => parseVmId(vmId).host === host);
    });
  }

  beforeApplicationShutdown(): void {
    this.endAll('The gateway is shutting down.', () => true);
  }

  /** Has the agent open a session. Throws what the state of the VM, its host or the agent say against it. */
  async open(vmId: VmId, requestId: string): Promise<ConsoleRelay> {
    this.commands.require(vmId, 'console', { whenOffline: 'fail' });
    const { host, nativeId } = parseVmId(vmId);
    const session = randomBytes(24).toString('base64url');
    const relay: ConsoleRelay = new ConsoleRelay(this.bus, host, session, () => this.relays.delete(relay));
    this.relays.set(relay, vmId);
    try {
      await ask(this.bus, openConsole, host, { nativeId, session }, { requestId });
      return relay;
    } catch (error) {
      relay.end('The console could not be opened.');
      throw error;
    }
  }

  private endAll(reason: string, isMeant: (vmId: VmId) => boolean): void {
    for (const [relay, vmId] of [...this.relays]) if (isMeant(vmId)) relay.end(reason);
  }
}
