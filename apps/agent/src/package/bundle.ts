import { createRequire } from 'node:module';

/** Parts of libraries that they look for and do without. */
const optional = [
  ...['@nestjs/websockets/*', '@nestjs/platform-*', 'class-validator', 'class-transformer', 'class-transformer/*'],
  ...['@grpc/*', 'kafkajs', 'mqtt', 'nats', 'ioredis', 'amqplib', 'amqp-connection-manager', 'cache-manager'],
  ...['bufferutil', 'utf-8-validate'],
];

/** Writes a program that was built into one file with everything that it uses; from what tsc made, as Nest reads its metadata. */
export function bundle(entry: string, outfile: string): void {
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    keepNames: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    // What is beside it in the package.
    external: [...optional, './*-agent.mjs'],
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
}
