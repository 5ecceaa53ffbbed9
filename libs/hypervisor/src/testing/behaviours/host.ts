import { expect } from '@jest/globals';
import { capabilityFeatures, capabilityNames, HostStatus, Image, Network, Template } from '@polyvirt/contracts';
import type { Suite } from '../suite.ts';
import { told } from '../unknown.ts';

export function describeHost(suite: Suite): void {
  suite.area('host', () => {
    suite.behaviour('probes a usable host as healthy, with a sentence and its version', async () => {
      const status = HostStatus.parse(await suite.driver.probe(suite.signal()));
      expect(status.health.status).toBe('healthy');
      expect(status.health.detail).toMatch(/\S/);
      expect(status.version).toMatch(/\S/);
    });

    suite.behaviour(
      'declares a capability exactly when it has the facet, with a reason for each it lacks',
      async () => {
        const { capabilities } = await suite.driver.probe(suite.signal());
        for (const name of capabilityNames) {
          const { available, reason } = capabilities[name];
          expect({ name, available }).toEqual({ name, available: suite.driver[name] !== undefined });
          expect({ name, says: reason !== undefined && reason.trim() !== '' }).toEqual({ name, says: !available });
        }
      },
    );

    suite.behaviour('says of each feature whether it has it, with a reason for each it lacks', async () => {
      const { capabilities } = await suite.driver.probe(suite.signal());
      for (const name of capabilityNames) {
        const { available, features } = capabilities[name];
        expect({ name, features: Object.keys(features ?? {}) }).toEqual({
          name,
          features: available ? [...capabilityFeatures[name]] : [],
        });
        for (const [feature, { available: has, reason = '' }] of Object.entries(features ?? {}))
          expect({ name, feature, says: reason.trim() !== '' }).toEqual({ name, feature, says: !has });
      }
    });

    suite.behaviour('never throws from probe, not even when the signal has aborted', async () => {
      const status = await suite.driver.probe(AbortSignal.abort());
      HostStatus.parse(status);
      const { capabilities } = await suite.driver.probe(suite.signal());
      for (const name of capabilityNames) expect(capabilities[name].available).toBe(suite.driver[name] !== undefined);
    });

    suite.facet('images', 'lists images and templates', async (images) => {
      const list = told(await images.list(suite.signal())).map((image) => Image.parse(image));
      expect(list.find(({ name }) => name === suite.bench.image)?.kind).toBe('disk');
      expect(list.find(({ name }) => name === suite.bench.iso)?.kind).toBe('iso');
      const templates = told(await images.templates(suite.signal())).map((template) => Template.parse(template));
      const { template } = suite.bench;
      if (typeof template === 'string') expect(templates.map(({ name }) => name)).toContain(template);
    });

    suite.facet('networks', 'lists networks', async (networks) => {
      const list = told(await networks.list(suite.signal())).map((network) => Network.parse(network));
      expect(list.find(({ name }) => name === suite.bench.network)?.active).toBe(true);
    });
  });
}
