import { afterEach, describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { startNats, type NatsServer } from './nats.ts';
import { greeting } from './tcp.ts';

describe('startNats', () => {
  let server: NatsServer | undefined;
  afterEach(() => server?.stop());

  it('gives a server with JetStream that takes its data with it', async () => {
    server = await startNats();
    expect((await greeting(server.port)).toString()).toContain('"jetstream":true');
    await server.stop();
    await expect(greeting(server.port)).rejects.toThrow();
    expect(existsSync(server.dataDir)).toBe(false);
  });

  it('asks for a password when the configuration says so', async () => {
    server = await startNats({ config: 'authorization { users: [{ user: "a", password: "b" }] }' });
    expect((await greeting(server.port)).toString()).toContain('"auth_required":true');
  });
});
