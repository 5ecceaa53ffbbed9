import { join } from 'node:path';
import { root } from './places.ts';

/** A script that writes files which are committed. */
export interface Generator {
  /** Below the repository. */
  readonly script: string;
  readonly args: readonly string[];
  /** Files and folders, below the repository. */
  readonly writes: readonly string[];
}

/** In order: the client is made from the OpenAPI document, and the command line from both. */
export const GENERATORS: readonly Generator[] = [
  { script: 'tools/src/generate.ts', args: [], writes: ['api/asyncapi.json', 'docs/configuration.md'] },
  {
    script: 'apps/gateway/dist/openapi/generate.js',
    args: [join(root, 'api/openapi.json')],
    writes: ['api/openapi.json'],
  },
  { script: 'libs/api-client/src/generate/main.ts', args: [], writes: ['libs/api-client/src/generated'] },
  {
    script: 'apps/cli/src/package/write-documentation.ts',
    args: [join(root, 'docs/cli.md')],
    writes: ['docs/cli.md'],
  },
];
