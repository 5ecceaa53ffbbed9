import { busSettings, networks, setting, type NetworkList } from '@polyvirt/config';
import { HostId } from '@polyvirt/contracts';
import { z } from 'zod';

/** What every agent takes; its app adds what its hypervisor needs. */
export const agentSettings = {
  hostId: setting({
    env: 'POLYVIRT_HOST_ID',
    schema: HostId,
    help: 'Id of the host that this agent looks after: a slug, unique among all hosts.',
  }),
  ...busSettings,
  joinPath: setting({
    env: 'POLYVIRT_JOIN_PATH',
    schema: z.string().min(1).optional(),
    help: 'Folder in which `polyvirt-agent join` has put the credential of the host, in place of POLYVIRT_NATS_CREDENTIALS; the agent has it renewed there.',
  }),
  metricsSeconds: setting({
    env: 'POLYVIRT_METRICS_SECONDS',
    schema: z.coerce.number().int().min(1).max(300),
    help: 'How often the VMs are measured, in seconds.',
    default: 5,
  }),
  reconcileSeconds: setting({
    env: 'POLYVIRT_RECONCILE_SECONDS',
    schema: z.coerce.number().int().min(1).max(3_600),
    help: 'How often the whole inventory is compared with the host, in seconds.',
    default: 30,
  }),
  drainSeconds: setting({
    env: 'POLYVIRT_DRAIN_SECONDS',
    schema: z.coerce.number().int().min(0).max(3_600),
    help: 'How long running operations may go on when the agent is told to stop, in seconds; the next start goes on with the rest.',
    default: 20,
  }),
  gatewayUrl: setting({
    env: 'POLYVIRT_GATEWAY_URL',
    schema: z.url({ protocol: /^https?$/ }).optional(),
    help: 'Address of the gateway as the agent reaches it: `https://polyvirt.example`. Images that were uploaded are fetched from there.',
  }),
  imageNetworks: setting({
    env: 'POLYVIRT_IMAGE_NETWORKS',
    schema: networks.optional(),
    help: 'Networks, separated by commas, that images are fetched from beside the internet: `10.1.0.0/16, 192.168.7.5`. Whoever may add an image can have the agent read from there.',
  }),
} as const;

export interface AgentConfig {
  readonly hostId: HostId;
  readonly natsUrl: string;
  readonly natsCredentials?: string | undefined;
  readonly natsCa?: string | undefined;
  readonly joinPath?: string | undefined;
  readonly lifeFile?: string | undefined;
  readonly logLevel: string;
  readonly metricsSeconds: number;
  readonly reconcileSeconds: number;
  readonly drainSeconds: number;
  readonly gatewayUrl?: string | undefined;
  readonly imageNetworks?: NetworkList | undefined;
}
