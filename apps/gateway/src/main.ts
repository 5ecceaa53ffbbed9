import 'reflect-metadata';
import { invalidConfigExitCode, loadConfig } from '@polyvirt/config';
import { gatewayConfig } from './config.ts';
import { exposureFault } from './http/exposure.ts';
import { createGateway } from './gateway.ts';
import { createLogger } from './logger.ts';

const config = loadConfig(gatewayConfig);
const fault = exposureFault(config);
if (fault !== undefined) {
  console.error(fault);
  process.exit(invalidConfigExitCode);
}
try {
  const gateway = await createGateway(config);
  gateway.enableShutdownHooks();
  await gateway.listen(config.port, config.listen);
} catch (err) {
  createLogger(config.logLevel).fatal({ err }, 'the gateway cannot start');
  process.exit(1);
}
