import { defineConfig } from 'vite';
import { compress } from './build/compress.ts';

export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ['@polyvirt/source', 'module', 'browser', 'production'] },
  // The gateway puts a new nonce in its place for every answer.
  html: { cspNonce: '__NONCE__' },
  build: {
    outDir: 'dist',
    target: 'es2022',
    manifest: true,
    // The policy lets no data in from anywhere but files and images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1_000,
    rolldownOptions: {
      // Libraries say 'use client' to servers that render; there is none here.
      onLog: (level, log, show) => log.code === 'MODULE_LEVEL_DIRECTIVE' || show(level, log),
    },
  },
  plugins: [compress()],
  // For work on the console alone: `npx vite apps/web` beside a gateway that runs.
  server: { proxy: { '/api': 'http://127.0.0.1:8080', '/socket.io': { target: 'ws://127.0.0.1:8080', ws: true } } },
});
