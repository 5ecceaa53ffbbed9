import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Jest's `globalSetup`: where the workers of this run keep their nats-servers. */
export default function setUp(): void {
  process.env.POLYVIRT_TEST_BROKERS = mkdtempSync(join(tmpdir(), 'polyvirt-brokers-'));
}
