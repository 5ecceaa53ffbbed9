import { join } from 'node:path';
import { bundled } from '@polyvirt/agent-kit/testing';

/** An agent of a stack. */
export type AgentSpec = FakeAgentSpec | KvmAgentSpec | OwnAgentSpec;

export interface FakeAgentSpec {
  readonly kind: 'fake';
  /** Id of its host. */
  readonly id: string;
  /** How long a guest needs before it hears the power button; 20 ms unless told. */
  readonly bootMs?: number;
  readonly shutdownMs?: number;
  /** Facets it does without. */
  readonly without?: readonly string[];
  readonly settings?: Readonly<Record<string, string>>;
}

export interface KvmAgentSpec {
  readonly kind: 'kvm';
  readonly id: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** An agent that a test brings along. */
export interface OwnAgentSpec {
  readonly kind: 'own';
  readonly id: string;
  /** JavaScript file to run. */
  readonly entry: string;
  readonly settings?: Readonly<Record<string, string>>;
}

const repository = join(import.meta.dirname, '../../..');

const built = {
  gateway: 'apps/gateway/dist/main.js',
  organizer: 'apps/organizer/dist/main.js',
  kvm: 'apps/kvm-agent/dist/main.js',
  fake: 'e2e/dist/fake-agent.js',
} as const;

/** JavaScript file of a service as it was built; in one piece, where that can be made of it and makes its start quick. */
export const entryOf = (service: keyof typeof built): string => {
  const path = join(repository, built[service]);
  return service === 'gateway' ? path : bundled(path);
};

export const agentEntryOf = (spec: AgentSpec): string => (spec.kind === 'own' ? spec.entry : entryOf(spec.kind));

/** Settings of an agent, beside those that every service gets. */
export function agentSettingsOf(
  spec: AgentSpec,
  folder: string,
  storage: { readonly pool: string; readonly path: string; readonly images: string },
): Record<string, string> {
  return { POLYVIRT_HOST_ID: spec.id, POLYVIRT_METRICS_SECONDS: '1', ...ownSettings(), ...spec.settings };

  function ownSettings(): Record<string, string> {
    switch (spec.kind) {
      case 'fake':
        return {
          POLYVIRT_FAKE_STATE: fakeStateFile(folder, spec.id),
          // Servers of tests are on this machine.
          POLYVIRT_IMAGE_NETWORKS: '127.0.0.1',
          ...(spec.bootMs !== undefined && { POLYVIRT_FAKE_BOOT_MS: String(spec.bootMs) }),
          ...(spec.shutdownMs !== undefined && { POLYVIRT_FAKE_SHUTDOWN_MS: String(spec.shutdownMs) }),
          ...(spec.without && { POLYVIRT_FAKE_WITHOUT: spec.without.join(',') }),
        };
      case 'kvm':
        return {
          POLYVIRT_STORAGE_POOL: storage.pool,
          POLYVIRT_STORAGE_PATH: storage.path,
          POLYVIRT_IMAGE_PATH: storage.images,
        };
      case 'own':
        return {};
    }
  }
}

export const fakeStateFile = (folder: string, host: string) => join(folder, `${host}.json`);
