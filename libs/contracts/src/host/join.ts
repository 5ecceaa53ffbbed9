import { z } from 'zod';
import { HostId, Timestamp } from '../ids.ts';
import { secret } from '../secret.ts';
import { Hypervisor } from '../vm/vm.ts';

/** Body of `POST /hosts`. */
export const AddHostInput = z
  .strictObject({
    id: HostId,
    hypervisor: Hypervisor.describe('What the agent of the host will look after.'),
  })
  .meta({ id: 'AddHostInput' });
export type AddHostInput = z.infer<typeof AddHostInput>;

const JoinToken = z
  .string()
  .regex(
    /^pvj_[0-9a-f]{32}\.[A-Za-z0-9_-]{43}$/,
    'A join token is `pvj_`, 32 letters and digits, a full stop and 43 more. Copy the whole line that showed it.',
  );

/** What lets one machine join as a host. */
export const JoinInvitation = z
  .object({
    host: HostId,
    hypervisor: Hypervisor,
    token: z.string().describe('Good once; shown this once.'),
    expiresAt: Timestamp.describe('Until when the token is good.'),
    url: z.string().describe('Address of the gateway that the command names.'),
    caSha256: z
      .string()
      .optional()
      .describe('SHA-256 of the certificate that the agent trusts the gateway by; absent where it has its own way.'),
    command: z.string().describe('The line to run on the new host.'),
    notes: z.array(z.string()).describe('What may keep the host from joining, in sentences.'),
  })
  .meta({ id: 'JoinInvitation' });
export type JoinInvitation = z.infer<typeof JoinInvitation>;

/** Body of `POST /hosts/join`, which `polyvirt-agent join` sends. */
export const JoinHostInput = z
  .strictObject({
    token: secret(JoinToken),
    publicKey: z
      .string()
      .regex(/^U[A-Z2-7]{55}$/, 'A public key of a user of NATS is `U` and 55 characters.')
      .describe('Of the key that was made on the new host; the private one stays there.'),
    proof: z
      .string()
      .regex(/^[A-Za-z0-9_-]{86}$/, 'A signature is 64 bytes in base64url.')
      .describe('The token, signed with the private key: whoever repeats a request has to have the key.'),
    agentVersion: z.string().min(1).max(64),
  })
  .meta({ id: 'JoinHostInput' });
export type JoinHostInput = z.infer<typeof JoinHostInput>;

/** What the agent of a host needs on the bus beside its own private key. */
export const BusAdmission = z
  .object({
    userJwt: z.string().describe('Token of nats-server for the public key.'),
    messageKey: z.string().describe('By which the ids of messages of the host are made.'),
    expiresAt: Timestamp.describe('Until when the token is good; the agent has it renewed before.'),
  })
  .meta({ id: 'BusAdmission' });
export type BusAdmission = z.infer<typeof BusAdmission>;

export const JoinedHost = BusAdmission.extend({
  host: HostId,
  hypervisor: Hypervisor,
  natsUrls: z.array(z.string()).describe('Where nats-server is.'),
  natsCa: z.string().optional().describe('Certificate authority of nats-server, in PEM; absent without TLS.'),
}).meta({ id: 'JoinedHost' });
export type JoinedHost = z.infer<typeof JoinedHost>;

export const DrainHostInput = z
  .strictObject({
    draining: z.boolean().default(true).describe('False: the host takes commands again.'),
  })
  .meta({ id: 'DrainHostInput' });
export type DrainHostInput = z.infer<typeof DrainHostInput>;

export const RemoveHostQuery = z
  .strictObject({
    force: z.stringbool().default(false).describe('Also while operations of the host have not ended; they fail.'),
  })
  .meta({ id: 'RemoveHostQuery' });
export type RemoveHostQuery = z.infer<typeof RemoveHostQuery>;

/** What the agent of a host that has joined asks of a gateway, over the bus: the subject says which host. */
export const membershipCalls = {
  /** Lets the key that the host has joined with in for longer. */
  renew: { input: z.object({}), output: BusAdmission },
  /** Removes the host. */
  leave: { input: z.object({ force: z.boolean().default(false) }), output: z.object({}) },
} as const;
export type MembershipCall = keyof typeof membershipCalls;
