import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import type { EventsTicket, Problem } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';
import { EventStreams } from './event-streams.ts';

describe('a ticket for the event stream', () => {
  let house: TestHouse;
  let url: string;
  beforeAll(async () => {
    house = await TestHouse.start();
    await house.gateway.app.listen(0, '127.0.0.1');
    url = await house.gateway.app.getUrl();
  });
  afterAll(() => house.stop());

  const issue = (token: string) => house.gateway.call<EventsTicket>('POST', '/api/v1/events/ticket', { token });
  const codeOf = async (response: Response) => ((await response.json()) as Problem).code;

  /** What a browser does, which has no say in the headers of an EventSource. */
  async function open(path: string) {
    const leaving = new AbortController();
    const response = await fetch(`${url}${path}`, { signal: leaving.signal });
    return { response, leave: () => leaving.abort() };
  }

  it('opens one stream, without a header and with the filters of any', async () => {
    const { body, status } = await issue(house.token);
    expect(status).toBe(201);
    const { response, leave } = await open(`${body.url}&types=vm.*`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(await codeOf((await open(body.url)).response)).toBe('unauthenticated');
    leave();
  });

  it('is for nothing but the stream', async () => {
    const ticket = (await issue(house.token)).body.url.split('ticket=')[1]!;
    const answer = await fetch(`${url}/api/v1/auth/me?ticket=${ticket}`);
    expect(answer.status).toBe(401);
  });

  it('does not outlive the session that asked for it, and neither does its stream', async () => {
    const { token, refreshToken } = await house.gateway.signUp('viewer');
    const [unused, used] = [(await issue(token)).body.url, (await issue(token)).body.url];
    const { response } = await open(used);
    expect(response.status).toBe(200);
    await house.gateway.call('POST', '/api/v1/auth/logout', { body: { refreshToken } });
    expect(await codeOf((await open(unused)).response)).toBe('unauthenticated');
    const text = await response.text();
    expect(text).toContain('"reason":"token-expired"');
    await eventually(() => expect(house.gateway.app.get(EventStreams).count).toBe(0));
  });
});
