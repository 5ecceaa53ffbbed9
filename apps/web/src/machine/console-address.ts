import { client } from '../api/client.ts';
import type { ConsoleKind } from '../routes/router.tsx';

/** Where a console is for this time, by a ticket of its own. Throws what the API refuses it with. */
export async function consoleAddress(vmId: string, kind: ConsoleKind): Promise<string> {
  const { data } = await client.POST('/api/v1/vms/{vmId}/console', { params: { path: { vmId } }, body: { kind } });
  const url = new URL(data.url, location.origin);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
