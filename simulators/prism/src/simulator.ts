import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { loadCertificate } from './certificate.ts';
import { Clock } from './clock.ts';
import { ConsoleTokens } from './console/console-tokens.ts';
import { EntityService } from './entities/entity-service.ts';
import { CallCounter } from './http/call-counter.ts';
import { createServer } from './http/server.ts';
import { Sessions } from './http/sessions.ts';
import { ImageFiles } from './images/image-files.ts';
import { createControl, listenControl } from './knobs/control.ts';
import { Disguises } from './knobs/disguises.ts';
import { FaultRules } from './knobs/fault-rules.ts';
import { KnobFile } from './knobs/knob-file.ts';
import { KnobSettings } from './knobs/knob-settings.ts';
import type { Options } from './options.ts';
import type { Prism } from './prism.ts';
import { Datacenter } from './state/datacenter.ts';
import { Housekeeping } from './state/housekeeping.ts';
import { Journal } from './state/journal.ts';
import { seedChanges } from './state/seed.ts';
import { claimFolder } from './state/ownership.ts';
import { Store } from './state/store.ts';
import { allEffects } from './tasks/effects.ts';
import { TaskEngine } from './tasks/task-engine.ts';
import { deliverWebhooks } from './v3/webhook-delivery.ts';
import { GuestClock } from './vms/guest-clock.ts';
import { VmService } from './vms/vm-service.ts';

export interface RunningSimulator {
  readonly url: string;
  readonly certificateFile: string;
  readonly controlUrl?: string;
  close(): Promise<void>;
}

const report = (error: unknown): void => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
};

/** Starts everything and resolves when requests are answered. */
export async function startSimulator(options: Options): Promise<RunningSimulator> {
  mkdirSync(options.dataDir, { recursive: true });
  const release = claimFolder(join(options.dataDir, 'state', 'owner.pid'), 'prism');
  const store = new Store(new Journal(join(options.dataDir, 'state', 'journal.jsonl')));
  // A restart does not turn time back.
  const clock = new Clock(Math.max(0, store.get('meta', 'meta')?.clockAhead ?? 0));
  const certificate = await loadCertificate(options.tlsDir, options.names, clock.now());
  if (store.isEmpty) store.commit(seedChanges(options.seedVms, clock.now()));

  const knobs = new KnobSettings();
  const faults = new FaultRules();
  const knobFile = options.knobFile === undefined ? undefined : new KnobFile(options.knobFile, knobs, faults, report);

  const site = new Datacenter(store, knobs, clock);
  const files = new ImageFiles(join(options.dataDir, 'images'));
  const consoleTokens = new ConsoleTokens(certificate.key, knobs);
  const tasks = new TaskEngine(site, allEffects(site, files, consoleTokens), faults, report);
  const prism: Prism = {
    clock,
    store,
    site,
    knobs,
    faults,
    disguises: new Disguises(),
    tasks,
    vms: new VmService(site, tasks),
    entities: new EntityService(site, tasks),
    files,
    sessions: new Sessions(certificate.key, store, knobs),
    consoleTokens,
    username: options.username,
  };
  const guests = new GuestClock(site);
  const housekeeping = new Housekeeping(store, knobs, clock);
  deliverWebhooks(prism, report);
  tasks.resume();

  const calls = new CallCounter();
  const credentials = { username: options.username, password: options.password };
  const server = await createServer({ prism, certificate, credentials, calls, report });
  await server.listen({ port: options.port, host: options.host });
  const { port } = server.server.address() as AddressInfo;
  await openAndShut(server, prism, port, options.host);

  const control = options.control === undefined ? undefined : createControl(prism, calls);
  const controlUrl =
    control === undefined || options.control === undefined ? undefined : await listenControl(control, options.control);

  return {
    url: `https://${options.host}:${port}`,
    certificateFile: certificate.file,
    ...(controlUrl === undefined ? {} : { controlUrl }),
    async close() {
      knobFile?.close();
      tasks.close();
      guests.close();
      housekeeping.close();
      clock.close();
      await control?.close();
      await server.close();
      store.close();
      release();
    },
  };
}

/** Follows `server.listening`: a closed port refuses connections, which no fault within HTTP can imitate. */
async function openAndShut(server: FastifyInstance, prism: Prism, port: number, host: string): Promise<void> {
  const { server: http } = server;
  const follow = async (): Promise<void> => {
    const wanted = prism.knobs.get('server.listening');
    if (!wanted && http.listening) {
      http.close();
      http.closeAllConnections();
    } else if (wanted && !http.listening) {
      http.listen(port, host);
      await once(http, 'listening');
    }
  };
  prism.knobs.onChange(follow);
  await follow();
}
