import { z } from 'zod';
import { defineQuery } from '../define.ts';
import { NativeId } from '../ids.ts';
import type { VmAction } from './vm-actions.ts';

const ConsoleKind = z.enum(['graphic', 'text']);
export type ConsoleKind = z.infer<typeof ConsoleKind>;

/** What the WebSocket of a console carries: RFB, the protocol of VNC, or what is typed and printed, as bytes. */
const ConsoleProtocol = z.enum(['rfb', 'text']);
export type ConsoleProtocol = z.infer<typeof ConsoleProtocol>;

export const protocolOf = { graphic: 'rfb', text: 'text' } as const satisfies Record<ConsoleKind, ConsoleProtocol>;

/** The action that opening a console of each kind is. */
export const consoleActions = { graphic: 'console', text: 'console-text' } as const satisfies Record<
  ConsoleKind,
  VmAction
>;

/** Body of `POST /vms/{id}/console`. */
export const OpenConsoleInput = z
  .strictObject({
    kind: ConsoleKind.default('graphic').describe(
      'The screen with keyboard and mouse, or the terminal at the serial port. A terminal has one viewer: whoever opens it takes it over.',
    ),
  })
  .meta({ id: 'OpenConsoleInput' });
export type OpenConsoleInput = z.infer<typeof OpenConsoleInput>;

export const ConsoleTicket = z
  .object({
    url: z.string().describe('Path of the WebSocket, ticket included; it opens once.'),
    protocol: ConsoleProtocol.describe(
      'What the WebSocket carries: `rfb` is the protocol of VNC, `text` what is typed and printed, in binary frames both ways.',
    ),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'ConsoleTicket' });
export type ConsoleTicket = z.infer<typeof ConsoleTicket>;

export const openConsole = defineQuery({
  name: 'console-open',
  summary: 'Join a console of a VM to a session on the bus.',
  input: z.object({
    nativeId: NativeId,
    session: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/),
    kind: ConsoleKind.default('graphic'),
    by: z.string().max(160).optional().describe('Who opens it, for whoever loses a terminal to them.'),
  }),
  output: z.object({ protocol: ConsoleProtocol }),
});
