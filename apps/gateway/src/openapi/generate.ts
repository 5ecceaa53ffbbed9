import 'reflect-metadata';
import { writeFile } from 'node:fs/promises';
import { readConfig } from '@polyvirt/config';
import { gatewayConfig } from '../config.ts';
import { createGateway } from '../gateway.ts';
import { createApiDocument } from './document.ts';

/** Writes the OpenAPI document to the given file; it needs neither a database nor a bus. */
const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: generate <file>');
const config = readConfig(gatewayConfig, { POLYVIRT_JWT_SECRET: 'unused'.repeat(8), POLYVIRT_LOG_LEVEL: 'error' });
const app = await createGateway(config, { preview: true });
await app.init();
await writeFile(path, `${JSON.stringify(createApiDocument(app), null, 2)}\n`);
await app.close();
