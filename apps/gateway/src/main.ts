import 'reflect-metadata';
import { loadConfig } from '@polyvirt/config';
import { createGateway } from './gateway.ts';
import { gatewayConfig } from './config.ts';

const config = loadConfig(gatewayConfig);
const gateway = await createGateway(config);
gateway.enableShutdownHooks();
await gateway.listen(config.port, config.listen);
