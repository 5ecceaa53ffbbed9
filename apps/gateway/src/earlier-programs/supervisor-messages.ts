import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HostId } from '@polyvirt/contracts';
import { z } from 'zod';
import { parseInput } from '../http/faults.ts';
import { LiveConnections } from '../live/live-connections.ts';
import { KvmSupervisor } from './kvm-supervisor.ts';

const Wanted = z.object({ name: z.string().min(1).max(512), host: HostId.optional() });

/** The messages of KVM Supervisor, beside those of the web console on the same connection. */
@Injectable()
export class SupervisorMessages implements OnModuleInit {
  constructor(
    private readonly live: LiveConnections,
    private readonly supervisor: KvmSupervisor,
  ) {}

  onModuleInit(): void {
    this.live.addQuestion('request_metrics', {
      permission: 'metrics:read',
      reply: 'vm_metrics',
      answer: (message) => {
        const { name, host } = parseInput(Wanted, message, 'message');
        return this.supervisor.metricsOf(name, host);
      },
    });
    this.live.addQuestion('request_all_metrics', {
      permission: 'metrics:read',
      reply: 'all_metrics',
      answer: () => this.supervisor.allMetrics(),
    });
    this.live.addQuestion('request_vms_list', {
      permission: 'vm:read',
      reply: 'vms_list',
      answer: () => this.supervisor.list(),
    });
  }
}
