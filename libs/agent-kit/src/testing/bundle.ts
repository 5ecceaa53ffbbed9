import { renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';

/** What Nest loads when somebody uses it, and none of ours does. */
const absent = [
  '@nestjs/websockets*',
  '@nestjs/platform-express',
  'class-validator',
  'class-transformer',
  '@grpc/*',
  'kafkajs',
  'mqtt',
  'nats',
  'ioredis',
  'amqplib',
  'amqp-connection-manager',
];

const bundles = new Map<string, string>();

/**
 * A program that was built, as one file beside it with everything that it imports. An agent imports a thousand files, which is
 * two thirds of what its start takes; tests that kill it start it hundreds of times.
 */
export function bundled(entry: string): string {
  const known = bundles.get(entry) ?? bundle(entry);
  bundles.set(entry, known);
  return known;
}

function bundle(entry: string): string {
  // Agents of tests import the kit of their tests, and have no use for it.
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  const path = entry.replace(/\.js$/, '.bundle.mjs');
  // Files that are tested side by side make the same bundle, and none may run half of it.
  const draft = path.replace(/\.mjs$/, `.${process.pid}.mjs`);
  try {
    buildSync({
      entryPoints: [entry],
      outfile: draft,
      bundle: true,
      platform: 'node',
      format: 'esm',
      keepNames: true,
      external: absent,
      // Modules in CommonJS ask for those of Node.
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
      },
    });
    renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  return path;
}
