/**
 * The peer of the agent of Prism: asks for everything on each beat and compares it with what it had. Gets its orders as JSON in
 * its first argument.
 */
export interface PollerOrders {
  readonly url: string;
  readonly authorization: string;
  /** Between two beats. */
  readonly everyMs: number;
  readonly metricsEveryMs: number;
  readonly metrics: object;
}

const PAGE = 500;

const { url, authorization, everyMs, metricsEveryMs, metrics } = JSON.parse(process.argv[2]!) as PollerOrders;
const known = new Map<string, string>();
let changes = 0;

async function post(path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/api/nutanix/v3${path}`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, unknown>;
}

async function listAll(kind: string): Promise<void> {
  for (let offset = 0; ;) {
    const answer = await post(`/${kind}s/list`, { kind, length: PAGE, offset });
    const entities = answer['entities'] as { metadata: { uuid: string } }[];
    for (const entity of entities) {
      const text = JSON.stringify(entity);
      if (known.get(entity.metadata.uuid) !== text) changes += 1;
      known.set(entity.metadata.uuid, text);
    }
    offset += entities.length;
    if (entities.length === 0 || offset >= (answer['metadata'] as { total_matches: number }).total_matches) return;
  }
}

async function sweep(): Promise<void> {
  for (let offset = 0; ; offset += PAGE) {
    const answer = await post('/groups', { ...metrics, group_member_count: PAGE, group_member_offset: offset });
    const [group] = answer['group_results'] as { entity_results: unknown[] }[];
    if ((group?.entity_results.length ?? 0) < PAGE) return;
  }
}

const beat = async (work: () => Promise<unknown>, periodMs: number) => {
  for (;;) {
    await work();
    await new Promise((resolve) => setTimeout(resolve, periodMs));
  }
};

const look = async () => {
  const had = known.size;
  await listAll('vm');
  await listAll('vm_recovery_point');
  if (had === 0) process.stdout.write(`${known.size} VMs, ${changes} changes\n`);
};

await Promise.all([beat(look, everyMs), beat(sweep, metricsEveryMs)]);
