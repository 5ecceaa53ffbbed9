import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ask, openBucket } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { NetworkList } from '@polyvirt/config';
import { buckets, HostRecord, keys, planVm, type Verb } from '@polyvirt/contracts';
import { isoOf, sha256Of } from '@polyvirt/hypervisor/testing';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AgentBench, host } from '../testing/agent-bench.ts';

describe('images of a host', () => {
  const content = isoOf(2 ** 20);
  const imageNetworks = new NetworkList('127.0.0.1');
  let web: Server;
  let url: string;
  let answer: RequestListener;
  let bench: AgentBench;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    web = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
    await once(web, 'listening');
    url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/rescue.iso`;
  });
  afterAll(async () => {
    web.closeAllConnections();
    web.close();
    await once(web, 'close');
  });
  beforeEach(async () => {
    answer = (_request, response) => response.setHeader('content-length', content.length).end(content);
    bench = await AgentBench.open();
  });
  afterEach(() => bench.close());

  const record = async () => (await openBucket(bench.gateway, buckets.hosts, HostRecord).get(keys.host(host)))!.value;
  const names = async () => (await record()).images.map(({ name }) => name).sort();
  const fetchImage = (more: object = {}) => bench.command('image.create', undefined, { name: 'rescue', url, ...more });
  const deleteImage = (image: string) => bench.command('image.delete', undefined, { image });
  const plan = (verb: Verb, input: object) => ask(bench.gateway, planVm, host, { verb, input }, { deadlineMs: 30_000 });

  it('are fetched with their checksum, shown when the operation says so, and deleted', async () => {
    await bench.startAgent({}, { imageNetworks });
    const made = await bench.carryOut(fetchImage({ sha256: sha256Of(content) }));
    expect(made).toMatchObject({ status: 'succeeded', changed: true, progress: 100 });
    expect((await record()).images).toContainEqual(expect.objectContaining({ name: 'rescue', kind: 'iso' }));
    expect(await bench.carryOut(bench.create('machine', { cdrom: 'rescue' }))).toMatchObject({ status: 'succeeded' });
    expect(await bench.carryOut(deleteImage('rescue'))).toMatchObject({
      status: 'failed',
      error: { code: 'image-in-use' },
    });
    expect(await bench.carryOut(deleteImage('tiny-linux'))).toMatchObject({ status: 'succeeded', changed: true });
    expect(await names()).toEqual(['rescue', 'tiny-iso']);
  });

  it('are not fetched from where nothing is listed, nor planned to be', async () => {
    await bench.startAgent();
    const failed = await bench.carryOut(fetchImage());
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'invalid-input', errors: [{ pointer: '/url' }] } });
    const input = { name: 'rescue', url };
    await expect(plan('image.create', input)).rejects.toMatchObject({ code: 'invalid-input' });
    const elsewhere = { name: 'rescue', url: 'https://images.example/rescue.iso' };
    expect(await plan('image.create', elsewhere)).toMatchObject({
      changes: [{ pointer: '', to: { name: 'rescue' } }],
      disruption: 'none',
      steps: [{ name: 'fetch the image' }, { name: 'add it to the images' }],
    });
    await expect(plan('image.create', { ...elsewhere, name: 'TINY-ISO' })).rejects.toMatchObject({
      code: 'name-taken',
    });
    await expect(plan('image.delete', { image: 'none' })).rejects.toMatchObject({ code: 'image-not-found' });
  });

  it('are taken from the gateway when they were uploaded, with the ticket that came along', async () => {
    const asked: unknown[] = [];
    answer = ({ url: path, headers }, response) => {
      asked.push([path, headers['polyvirt-upload-ticket']]);
      response.setHeader('content-length', content.length).end(content);
    };
    // Where the gateway is the operator has said: no network need be listed.
    await bench.startAgent({}, { gatewayUrl: new URL('/', url).href });
    const upload = 'abcdefghijklmnopqrstuvwx';
    const input = { name: 'uploaded', upload, sha256: sha256Of(content) };
    expect(await plan('image.create', input)).toMatchObject({ changes: [{ to: { name: 'uploaded' } }] });
    expect(asked).toEqual([]);
    const made = await bench.carryOut(bench.command('image.create', undefined, { ...input, ticket: 'secret-ticket' }));
    expect(made).toMatchObject({ status: 'succeeded' });
    expect(asked).toContainEqual([`/api/v1/uploads/${upload}/content`, 'secret-ticket']);
    expect(JSON.stringify(made)).not.toContain('secret-ticket');
    expect(await names()).toContain('uploaded');
  });

  it('that were uploaded are beyond an agent that does not know where the gateway is, and it says so', async () => {
    await bench.startAgent();
    const { images } = (await record()).capabilities;
    expect(images.features).toMatchObject({ fromUrl: { available: true }, fromUpload: { available: false } });
    await expect(plan('image.create', { name: 'a', upload: 'abcdefghijklmnopqrstuvwx' })).rejects.toMatchObject({
      code: 'capability-missing',
      message: expect.stringContaining('POLYVIRT_GATEWAY_URL'),
    });
  });

  it('show how far they have come, and leave nothing when they are cancelled', async () => {
    answer = (_request, response) => {
      response.setHeader('content-length', content.length);
      response.write(content.subarray(0, content.length / 2));
    };
    const { agent, driver } = await bench.startAgent({}, { imageNetworks });
    const command = await bench.send(fetchImage());
    await bench.told(command.operationId, ({ progress }) => progress > 40 && progress < 60);
    await agent.operations.cancel(command.operationId);
    expect(await bench.ended(command)).toMatchObject({ status: 'cancelled' });
    expect(readdirSync(driver.host.imageFiles.folder)).toEqual([]);
    expect(await names()).toEqual(['tiny-iso', 'tiny-linux']);
  });

  it('are not deleted while an operation may be using them', async () => {
    const { driver } = await bench.startAgent();
    const release = driver.faults.add({ at: 'create', hold: true });
    const making = await bench.send(bench.create('machine', { cdrom: 'tiny-iso' }));
    await bench.told(making.operationId, ({ status }) => status === 'running');
    const failed = await bench.carryOut(deleteImage('tiny-iso'));
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'image-in-use' } });
    expect(failed.error!.detail).toContain(making.operationId);
    release();
    await bench.ended(making);
  });

  it('are given to no VM while an operation deletes them', async () => {
    const { driver } = await bench.startAgent();
    const release = driver.faults.add({ at: 'images.delete', hold: true });
    const deleting = await bench.send(deleteImage('tiny-iso'));
    await bench.told(deleting.operationId, ({ status }) => status === 'running');
    const failed = await bench.carryOut(bench.create('machine', { cdrom: 'tiny-iso' }));
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'image-not-found' } });
    expect(await bench.carryOut(bench.create('other'))).toMatchObject({ status: 'succeeded' });
    release();
    expect(await bench.ended(deleting)).toMatchObject({ status: 'succeeded' });
  });

  it('of one name are made one after the other, and the second finds the first', async () => {
    await bench.startAgent({}, { imageNetworks });
    const [first, second] = [await bench.send(fetchImage()), await bench.send(fetchImage({ name: 'Rescue' }))];
    expect(await bench.ended(first)).toMatchObject({ status: 'succeeded' });
    expect(await bench.ended(second)).toMatchObject({ status: 'failed', error: { code: 'name-taken' } });
    await eventually(async () => expect(await names()).toEqual(['rescue', 'tiny-iso', 'tiny-linux']));
  });

  it('leave nothing on this machine with the fake host', async () => {
    const { driver, agent } = await bench.startAgent({}, { imageNetworks });
    await bench.carryOut(fetchImage());
    const { folder } = driver.host.imageFiles;
    expect(existsSync(folder)).toBe(true);
    await agent.stop();
    expect(existsSync(folder)).toBe(false);
  });
});
