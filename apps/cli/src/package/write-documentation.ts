import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from './bundle.ts';

/** Writes `docs/cli.md`. From a bundle, which needs nothing built: what is generated before it may not compile yet. */
const scratch = mkdtempSync(join(tmpdir(), 'polyvirt-cli-documentation-'));
try {
  const module = join(scratch, 'documentation.mjs');
  bundle('documentation', module, '');
  const { documentation } = (await import(module)) as typeof import('../documentation.ts');
  writeFileSync(process.argv[2]!, documentation());
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
