import { objectAt, stringAt } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { VmRecord } from '../state/records.ts';
import { vmBody } from './vm-view.ts';

export const VM_EVENTS: readonly string[] = [
  'VM.CREATE',
  'VM.DELETE',
  'VM.ON',
  'VM.OFF',
  'VM.UPDATE',
  'VM.MIGRATE',
  'VM.NIC_PLUG',
  'VM.NIC_UNPLUG',
];

/** What happened to a VM between two of its records. */
export function vmEvents(before: VmRecord | undefined, after: VmRecord | undefined): string[] {
  const wasThere = before !== undefined && before.intent?.creating !== true;
  const isThere = after !== undefined && after.intent?.creating !== true;
  if (!wasThere && !isThere) return [];
  if (!wasThere) return after?.power === 'ON' ? ['VM.CREATE', 'VM.ON'] : ['VM.CREATE'];
  if (!isThere) return ['VM.DELETE'];
  if (before.entityVersion === after.entityVersion) return [];
  const events: string[] = [];
  if (before.power !== after.power) events.push(after.power === 'ON' ? 'VM.ON' : 'VM.OFF');
  else if (before.hostUuid !== after.hostUuid) events.push('VM.MIGRATE');
  const has = (vm: VmRecord, uuid: string): boolean => vm.config.nics.some((nic) => nic.uuid === uuid);
  if (after.config.nics.some(({ uuid }) => !has(before, uuid))) events.push('VM.NIC_PLUG');
  if (before.config.nics.some(({ uuid }) => !has(after, uuid))) events.push('VM.NIC_UNPLUG');
  return events.length > 0 ? events : ['VM.UPDATE'];
}

/** Tells webhooks of changes: once, without retry or order, as nothing more is documented. */
export function deliverWebhooks(prism: Prism, report: (message: string) => void): void {
  prism.store.follow('vm', (before, after) => {
    if (!prism.knobs.get('v3.webhooks')) return;
    const vm = after ?? before;
    if (vm === undefined) return;
    for (const event of vmEvents(before, after)) send(prism, event, vm, report);
  });
}

function send(prism: Prism, event: string, vm: VmRecord, report: (message: string) => void): void {
  const { api_version, metadata, spec, status } = vmBody(prism, vm);
  const body = JSON.stringify({
    entity_reference: { kind: 'vm', uuid: vm.uuid },
    event_type: event,
    version: '1.0',
    data: { metadata: { api_version, metadata, spec, status } },
  });
  for (const webhook of prism.store.all('webhook')) {
    if (webhook.state !== 'COMPLETE' || !webhook.events.includes(event)) continue;
    const url = stringAt(webhook.resources, 'post_url') ?? '';
    const { username, password } = objectAt(webhook.resources, 'credentials');
    const authorization = `Basic ${Buffer.from(`${String(username)}:${String(password)}`).toString('base64')}`;
    const headers = { 'content-type': 'application/json', ...(username === undefined ? {} : { authorization }) };
    fetch(url, { method: 'POST', headers, body }).catch((error: unknown) => report(`webhook ${url}: ${String(error)}`));
  }
}
